/* The swap for x86-64 (System V ABI). A parked stack holds, from its stack pointer up:

      0  MXCSR, 4 x87 control word       32  r12
      8  r15                             40  rbx
     16  r14                             48  rbp
     24  r13                             56  return address

   On a stack that has not run yet, rbx is the entry function, rbp is 0, which ends the chain of
   frame pointers, and the return address is green_swap_start. */
        .text

        .globl  green_swap
        .hidden green_swap
        .type   green_swap, @function
        .p2align 4
green_swap:
        .cfi_startproc
        endbr64
        subq    $56, %rsp
        .cfi_adjust_cfa_offset 56
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        movq    %r15, 8(%rsp)
        .cfi_rel_offset r15, 8
        movq    %r14, 16(%rsp)
        .cfi_rel_offset r14, 16
        movq    %r13, 24(%rsp)
        .cfi_rel_offset r13, 24
        movq    %r12, 32(%rsp)
        .cfi_rel_offset r12, 32
        movq    %rbx, 40(%rsp)
        .cfi_rel_offset rbx, 40
        movq    %rbp, 48(%rsp)
        .cfi_rel_offset rbp, 48
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        /* Both stacks have the same layout here, so the same unwind rules hold before and after. A
           debugger unwinds a parked stack from its stack pointer and this address. */
        .globl  green_swap_parked
        .hidden green_swap_parked
green_swap_parked:
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        movq    8(%rsp), %r15
        movq    16(%rsp), %r14
        movq    24(%rsp), %r13
        movq    32(%rsp), %r12
        movq    40(%rsp), %rbx
        movq    48(%rsp), %rbp
        .cfi_restore r15
        .cfi_restore r14
        .cfi_restore r13
        .cfi_restore r12
        .cfi_restore rbx
        .cfi_restore rbp
        movq    %rdx, %rax
        addq    $56, %rsp
        .cfi_adjust_cfa_offset -56
        ret
        .cfi_endproc
        .size   green_swap, . - green_swap

/* The outermost frame. Its return address is undefined, so unwinders stop here. They look up the
   byte before a return address, which is why there is a nop before green_swap_start. */
        .type   green_swap_bottom, @function
        .p2align 4
green_swap_bottom:
        .cfi_startproc
        .cfi_undefined rip
        nop
green_swap_start:
        movq    %rax, %rdi
        call    *%rbx
        ud2
        .cfi_endproc
        .size   green_swap_bottom, . - green_swap_bottom

        .globl  green_swap_prepare
        .hidden green_swap_prepare
        .type   green_swap_prepare, @function
        .p2align 4
green_swap_prepare:
        .cfi_startproc
        endbr64
        leaq    -64(%rdi), %rax
        stmxcsr (%rax)
        fnstcw  4(%rax)
        movq    %rsi, 40(%rax)
        movq    $0, 48(%rax)
        leaq    green_swap_start(%rip), %rcx
        movq    %rcx, 56(%rax)
        ret
        .cfi_endproc
        .size   green_swap_prepare, . - green_swap_prepare

/* Where there are no shadow stacks, rdsspq is a no-op and leaves 0. */
        .globl  green_swap_shadow_stack_active
        .hidden green_swap_shadow_stack_active
        .type   green_swap_shadow_stack_active, @function
        .p2align 4
green_swap_shadow_stack_active:
        .cfi_startproc
        endbr64
        xorl    %ecx, %ecx
        rdsspq  %rcx
        xorl    %eax, %eax
        testq   %rcx, %rcx
        setne   %al
        ret
        .cfi_endproc
        .size   green_swap_shadow_stack_active, . - green_swap_shadow_stack_active

        .section .note.GNU-stack, "", @progbits

/* The object is marked as fit for IBT, but not for shadow stacks: a loader that enforces those must
   refuse the object. */
        .section .note.gnu.property, "a", @note
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000002, 4, 1, 0
