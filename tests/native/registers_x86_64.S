/* See registers.h. */
        .text
        .globl  registers_changed
        .type   registers_changed, @function
registers_changed:
        .cfi_startproc
        endbr64
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        subq    $8, %rsp
        movq    $0x1111, %rbx
        movq    $0x2222, %rbp
        movq    $0x3333, %r12
        movq    $0x4444, %r13
        movq    $0x5555, %r14
        movq    $0x6666, %r15
        movq    %rsp, expected_sp(%rip)
        call    green_swap
        xorl    %eax, %eax
        cmpq    $0x1111, %rbx
        je      1f
        orl     $1, %eax
1:      cmpq    $0x2222, %rbp
        je      1f
        orl     $2, %eax
1:      cmpq    $0x3333, %r12
        je      1f
        orl     $4, %eax
1:      cmpq    $0x4444, %r13
        je      1f
        orl     $8, %eax
1:      cmpq    $0x5555, %r14
        je      1f
        orl     $16, %eax
1:      cmpq    $0x6666, %r15
        je      1f
        orl     $32, %eax
1:      cmpq    expected_sp(%rip), %rsp
        je      1f
        orl     $64, %eax
        movq    expected_sp(%rip), %rsp
1:      addq    $8, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret
        .cfi_endproc
        .size   registers_changed, . - registers_changed

        .globl  registers_spoil
        .type   registers_spoil, @function
registers_spoil:
        .cfi_startproc
        endbr64
        subq    $24, %rsp
        movq    %rdi, (%rsp)
        movq    %rsi, 8(%rsp)
1:      movq    (%rsp), %rdi
        movq    8(%rsp), %rsi
        movq    (%rsi), %rsi
        movq    $-1, %rbx
        movq    $-2, %rbp
        movq    $-3, %r12
        movq    $-4, %r13
        movq    $-5, %r14
        movq    $-6, %r15
        call    green_swap
        jmp     1b
        .cfi_endproc
        .size   registers_spoil, . - registers_spoil

        .section .rodata
        .globl  registers_count
        .p2align 2
registers_count:
        .long   7

        .bss
        .p2align 3
expected_sp:
        .skip   8

        .section .note.GNU-stack, "", @progbits
