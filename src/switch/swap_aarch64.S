/* The swap for AArch64 (AAPCS64). A parked stack holds, from its stack pointer up:

      0  FPCR            64  x25, x26       128  d12, d13
     16  x19, x20        80  x27, x28       144  d14, d15
     32  x21, x22        96  d8, d9         160  x29 (frame pointer), x30 (return address)
     48  x23, x24       112  d10, d11

   On a stack that has not run yet, x19 is the entry function, x29 is 0, which ends the chain of
   frame pointers, and the return address is green_swap_start. */
#define FRAME 176

        .text

        .globl  green_swap
        .hidden green_swap
        .type   green_swap, %function
        .p2align 4
green_swap:
        .cfi_startproc
        hint    #34                     /* bti c */
        stp     x29, x30, [sp, #-16]!
        .cfi_adjust_cfa_offset 16
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        sub     sp, sp, #FRAME - 16
        .cfi_adjust_cfa_offset FRAME - 16
        mrs     x9, fpcr
        str     x9, [sp]
        stp     x19, x20, [sp, #16]
        .cfi_rel_offset x19, 16
        .cfi_rel_offset x20, 24
        stp     x21, x22, [sp, #32]
        .cfi_rel_offset x21, 32
        .cfi_rel_offset x22, 40
        stp     x23, x24, [sp, #48]
        .cfi_rel_offset x23, 48
        .cfi_rel_offset x24, 56
        stp     x25, x26, [sp, #64]
        .cfi_rel_offset x25, 64
        .cfi_rel_offset x26, 72
        stp     x27, x28, [sp, #80]
        .cfi_rel_offset x27, 80
        .cfi_rel_offset x28, 88
        stp     d8, d9, [sp, #96]
        .cfi_rel_offset d8, 96
        .cfi_rel_offset d9, 104
        stp     d10, d11, [sp, #112]
        .cfi_rel_offset d10, 112
        .cfi_rel_offset d11, 120
        stp     d12, d13, [sp, #128]
        .cfi_rel_offset d12, 128
        .cfi_rel_offset d13, 136
        stp     d14, d15, [sp, #144]
        .cfi_rel_offset d14, 144
        .cfi_rel_offset d15, 152
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        /* Both stacks have the same layout here, so the same unwind rules hold before and after. A
           debugger unwinds a parked stack from its stack pointer and this address. */
        .globl  green_swap_parked
        .hidden green_swap_parked
green_swap_parked:
        ldr     x9, [sp]
        msr     fpcr, x9
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x29, x30, [sp, #160]
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore d8
        .cfi_restore d9
        .cfi_restore d10
        .cfi_restore d11
        .cfi_restore d12
        .cfi_restore d13
        .cfi_restore d14
        .cfi_restore d15
        .cfi_restore x29
        .cfi_restore x30
        mov     x0, x2
        add     sp, sp, #FRAME
        .cfi_adjust_cfa_offset -FRAME
        ret
        .cfi_endproc
        .size   green_swap, . - green_swap

/* The outermost frame. Its return address is undefined, so unwinders stop here. They look up the
   instruction before a return address, which is why there is a nop before green_swap_start. */
        .type   green_swap_bottom, %function
        .p2align 4
green_swap_bottom:
        .cfi_startproc
        .cfi_undefined x30
        nop
green_swap_start:
        blr     x19
        brk     #0
        .cfi_endproc
        .size   green_swap_bottom, . - green_swap_bottom

        .globl  green_swap_prepare
        .hidden green_swap_prepare
        .type   green_swap_prepare, %function
        .p2align 4
green_swap_prepare:
        .cfi_startproc
        hint    #34
        sub     x0, x0, #FRAME
        mrs     x9, fpcr
        str     x9, [x0]
        str     x1, [x0, #16]
        adr     x9, green_swap_start
        stp     xzr, x9, [x0, #160]
        ret
        .cfi_endproc
        .size   green_swap_prepare, . - green_swap_prepare

/* CHKFEAT clears bit 0 of x16 if the guarded control stack is on. On processors that lack the
   extension it is a no-op. */
        .globl  green_swap_shadow_stack_active
        .hidden green_swap_shadow_stack_active
        .type   green_swap_shadow_stack_active, %function
        .p2align 4
green_swap_shadow_stack_active:
        .cfi_startproc
        hint    #34
        mov     x16, #1
        hint    #40                     /* chkfeat x16 */
        eor     w0, w16, #1
        ret
        .cfi_endproc
        .size   green_swap_shadow_stack_active, . - green_swap_shadow_stack_active

        .section .note.GNU-stack, "", %progbits

/* The object is marked as fit for BTI, but not for the guarded control stack: a loader that
   enforces that must refuse the object. */
        .section .note.gnu.property, "a", %note
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000000, 4, 1, 0
