/* See registers.h. */
        .macro  changed_if_not register, value, bit
        mov     x9, #\value
        cmp     \register, x9
        b.eq    1f
        orr     w0, w0, #(1 << \bit)
1:
        .endm

        .macro  changed_if_not_d register, value, bit
        fmov    x10, \register
        changed_if_not x10, \value, \bit
        .endm

        .macro  fill_d register, value
        mov     x9, #\value
        fmov    \register, x9
        .endm

        .text
        .globl  registers_changed
        .type   registers_changed, %function
registers_changed:
        .cfi_startproc
        hint    #34
        stp     x29, x30, [sp, #-176]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mov     x19, #0x1901
        mov     x20, #0x2002
        mov     x21, #0x2103
        mov     x22, #0x2204
        mov     x23, #0x2305
        mov     x24, #0x2406
        mov     x25, #0x2507
        mov     x26, #0x2608
        mov     x27, #0x2709
        mov     x28, #0x280a
        mov     x29, #0x290b
        fill_d  d8, 0x080c
        fill_d  d9, 0x090d
        fill_d  d10, 0x100e
        fill_d  d11, 0x110f
        fill_d  d12, 0x1210
        fill_d  d13, 0x1311
        fill_d  d14, 0x1412
        fill_d  d15, 0x1513
        adrp    x9, expected_sp
        mov     x10, sp
        str     x10, [x9, :lo12:expected_sp]
        bl      green_swap
        mov     w0, #0
        changed_if_not x19, 0x1901, 0
        changed_if_not x20, 0x2002, 1
        changed_if_not x21, 0x2103, 2
        changed_if_not x22, 0x2204, 3
        changed_if_not x23, 0x2305, 4
        changed_if_not x24, 0x2406, 5
        changed_if_not x25, 0x2507, 6
        changed_if_not x26, 0x2608, 7
        changed_if_not x27, 0x2709, 8
        changed_if_not x28, 0x280a, 9
        changed_if_not x29, 0x290b, 10
        changed_if_not_d d8, 0x080c, 11
        changed_if_not_d d9, 0x090d, 12
        changed_if_not_d d10, 0x100e, 13
        changed_if_not_d d11, 0x110f, 14
        changed_if_not_d d12, 0x1210, 15
        changed_if_not_d d13, 0x1311, 16
        changed_if_not_d d14, 0x1412, 17
        changed_if_not_d d15, 0x1513, 18
        adrp    x9, expected_sp
        ldr     x10, [x9, :lo12:expected_sp]
        mov     x9, sp
        cmp     x9, x10
        b.eq    1f
        orr     w0, w0, #(1 << 19)
        mov     sp, x10
1:      ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x29, x30, [sp], #176
        ret
        .cfi_endproc
        .size   registers_changed, . - registers_changed

        .globl  registers_spoil
        .type   registers_spoil, %function
registers_spoil:
        .cfi_startproc
        hint    #34
        sub     sp, sp, #16
        stp     x0, x1, [sp]
2:      ldp     x0, x1, [sp]
        ldr     x1, [x1]
        mov     x19, #-1
        mov     x20, #-2
        mov     x21, #-3
        mov     x22, #-4
        mov     x23, #-5
        mov     x24, #-6
        mov     x25, #-7
        mov     x26, #-8
        mov     x27, #-9
        mov     x28, #-10
        mov     x29, #-11
        fmov    d8, x19
        fmov    d9, x19
        fmov    d10, x19
        fmov    d11, x19
        fmov    d12, x19
        fmov    d13, x19
        fmov    d14, x19
        fmov    d15, x19
        bl      green_swap
        b       2b
        .cfi_endproc
        .size   registers_spoil, . - registers_spoil

        .section .rodata
        .globl  registers_count
        .p2align 2
registers_count:
        .word   20

        .bss
        .p2align 3
expected_sp:
        .skip   8

        .section .note.GNU-stack, "", %progbits
