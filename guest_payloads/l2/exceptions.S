/* SPDX-License-Identifier: GPL-2.0-only
 *
 * L2 programs that raise an exception: one for each vector that software can raise. APM2 8.2, 15.12.
 */
#include "harness/guest/l2_program.inc"

        l2_programs raise_de, "div %ebx"                        /* rBX = 0 */
        l2_programs raise_bp, "int3"
        l2_legacy_programs raise_of, "into"                        /* rows set OF */
        l2_legacy_programs raise_br, "bound %ebx, (%edi)"
        l2_programs raise_ud, "ud2"
        l2_programs raise_nm, "fnop"                            /* rows set CR0.TS */
        l2_programs raise_np, "mov %ebx, %es"                   /* absent_data */
        l2_programs raise_ss, "mov %ebx, %ss"                   /* absent_data */
        l2_programs raise_gp, "mov %ebx, %ds"                   /* beyond the GDT */
        l2_program  raise_pf_read, 64, "mov (%rdi), %ebx"
        l2_legacy_programs raise_pf_read, "mov (%edi), %ebx"
/* Protection key 1 may not be accessed, or not be written. */
        l2_program  raise_pf_read_key, 64, "mov (%rdi), %ebx", before="mov $0, %ecx; mov $0, %edx; mov $4, %eax; wrpkru"
        l2_program  raise_pf_read_key, 32, "mov (%edi), %ebx", before="mov $0, %ecx; mov $0, %edx; mov $4, %eax; wrpkru"
        l2_program  raise_pf_write_key, 64, "mov %ebx, (%rdi)", before="mov $0, %ecx; mov $0, %edx; mov $8, %eax; wrpkru"
        l2_program  raise_pf_write_key, 32, "mov %ebx, (%edi)", before="mov $0, %ecx; mov $0, %edx; mov $8, %eax; wrpkru"
        l2_program  raise_pf_write, 64, "mov %ebx, (%rdi)"
        l2_legacy_programs raise_pf_write, "mov %ebx, (%edi)"
        l2_program  raise_pf_fetch, 64, "jmp *%rdi"
        l2_legacy_programs raise_pf_fetch, "jmp *%edi"
        l2_program  raise_ac, 64, "mov 1(%rdi), %ebx"           /* rows set AC and CR0.AM, CPL 3 */
        l2_legacy_programs raise_ac, "mov 1(%edi), %ebx"

        l2_program ret, 64, "ret"
        l2_program ret, 32, "ret"
/* RSTORSSP of what lies at rDI, and SETSSBSY. */
        l2_program rstorssp, 64, ".byte 0xf3, 0x0f, 0x01, 0x2f"
        l2_program setssbsy, 64, ".byte 0xf3, 0x0f, 0x01, 0xe8"

/* Asks the host for a machine check (AL; the port is wire::service_port) and waits. */
        l2_programs await_mc, "jmp .", before="outb %al, $0xea"

/* x87: an unmasked invalid operation is reported by the next waiting instruction. rDI: control word. */
        l2_program  raise_mf, 64, "fwait", before="fninit; fldcw (%rdi); fldz; fldz; fdivrp %st, %st(1)"
        l2_legacy_programs raise_mf, "fwait", before="fninit; fldcw (%edi); fldz; fldz; fdivrp %st, %st(1)"

/* The same with CR0.TS set before it is reported: LMSW of rBX. */
        l2_program  raise_nm_before_mf, 64, "fwait", before="fninit; fldcw (%rdi); fldz; fldz; fdivrp %st, %st(1); lmsw %bx"
        l2_legacy_programs raise_nm_before_mf, "fwait", before="fninit; fldcw (%edi); fldz; fldz; fdivrp %st, %st(1); lmsw %bx"

/* SSE: 0/0 with the invalid exception unmasked. rDI: MXCSR. */
        l2_program  raise_xf, 64, "divps %xmm0, %xmm0", before="ldmxcsr (%rdi); xorps %xmm0, %xmm0"
        l2_legacy_programs raise_xf, "divps %xmm0, %xmm0", before="ldmxcsr (%edi); xorps %xmm0, %xmm0"

/* Single step: TF is set at entry, so #DB follows the first instruction. */
        l2_programs single_step, "nop"

/* Breakpoints: rDI is the address, which goes to a debug register here because no VMCB holds it; rows
   enable it. One register for each kind: QEMU 7.2 keeps a kind beyond #VMEXIT and dies of a change. */
        l2_program  breakpoint_execute, 64, "nop", before="mov %rdi, %db0"
        l2_legacy_programs breakpoint_execute, "nop", before="mov %edi, %db0"
        l2_program  breakpoint_read, 64, "mov (%rdi), %ebx", before="mov %rdi, %db1"
        l2_legacy_programs breakpoint_read, "mov (%edi), %ebx", before="mov %edi, %db1"
        l2_program  breakpoint_write, 64, "mov %ebx, (%rdi)", before="mov %rdi, %db2"
        l2_legacy_programs breakpoint_write, "mov %ebx, (%edi)", before="mov %edi, %db2"
        l2_program  breakpoint_write_read, 64, "mov (%rdi), %ebx", before="mov %rdi, %db2"
        l2_legacy_programs breakpoint_write_read, "mov (%edi), %ebx", before="mov %edi, %db2"
        l2_program  breakpoint_port, 64, "outb %al, (%dx)", before="mov %rdi, %db3"
        l2_legacy_programs breakpoint_port, "outb %al, (%dx)", before="mov %edi, %db3"

/* Trashes every general register that VMRUN does not carry; rows and tests of the intrinsics use it. */
        l2_program  trash_registers, 64, "vmmcall", before="mov $0x11, %ebx; mov $0x22, %ecx; mov $0x33, %edx; mov $0x44, %esi; mov $0x55, %edi; mov $0x66, %ebp; mov $0x77, %r8d; mov $0x88, %r9d; mov $0x99, %r10d; mov $0xaa, %r11d; mov $0xbb, %r12d; mov $0xcc, %r13d; mov $0xdd, %r14d; mov $0xee, %r15d"

        .section .note.GNU-stack, "", @progbits
