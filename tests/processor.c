// LD_PRELOAD: answers the CPUID instruction as another x86-64 processor with AVX2 would, so that
// libraries choose the kernels that they would choose there. Linux, where the processor can fault
// on CPUID (cpuid_fault in /proc/cpuinfo). PROCESSOR=haswell, zen3, "one core" (a Haswell that has
// one, and small caches) or "large caches" (a Haswell with 64 threads and caches of a large server).
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
typedef unsigned int u32;

static int amd;
static u32 signature, cores, cache_kb[4];  // by cpuid's number: level 1 data, level 1 code, 2, 3

static void fault_on_cpuid(int on) { syscall(SYS_arch_prctl, ARCH_SET_CPUID, !on); }

static void vendor(u32 *r) {
    memcpy(&r[1], "Auth", 4), memcpy(&r[3], "enti", 4), memcpy(&r[2], "cAMD", 4);
}

static void cache(u32 number, u32 *r) {
    static const u32 type[] = {1, 2, 3, 3}, level[] = {1, 1, 2, 3}, ways[] = {8, 8, 8, 16};
    memset(r, 0, 4 * sizeof *r);
    if (number > 3) return;
    r[0] = type[number] | level[number] << 5 | 1 << 8 | (cores - 1) << 26;
    if (number == 3) r[0] |= (cores - 1) << 14;
    r[1] = 63 | (ways[number] - 1) << 22;
    r[2] = cache_kb[number] * 1024 / 64 / ways[number] - 1;
}

static void answer(u32 leaf, u32 sub, u32 *r) {
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
    if (leaf == 0) {
        r[0] = amd ? 0x10 : 0x16;
        if (amd) vendor(r);
    } else if (leaf == 1) {
        r[0] = signature;
        r[1] = (r[1] & 0xff00ffff) | cores << 16;
    } else if (leaf == 0xb || leaf == 0x1f) {
        // Threads of a core (one), and of the package.
        r[0] = sub == 1 ? 7 : 0, r[1] = sub == 0 ? 1 : sub == 1 ? cores : 0;
        r[2] = sub | (sub < 2 ? sub + 1 : 0) << 8;
    } else if (leaf == 4 || leaf == 0x8000001d) {
        cache(sub, r);
        if (amd == (leaf == 4)) memset(r, 0, 4 * sizeof *r);
    } else if (leaf == 7) {
        // Of the newer features AVX2, FMA's companions and BMI are left.
        u32 left = r[1] & (1 << 0 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 18 | 1 << 19);
        memset(r, 0, 4 * sizeof *r);
        if (sub == 0) r[1] = left;
    } else if (leaf == 0xd) {
        if (sub == 0) r[0] &= 7;  // x87, SSE, AVX
        if (sub >= 3) memset(r, 0, 4 * sizeof *r);
    } else if (leaf == 0x1d || leaf == 0x1e) {
        memset(r, 0, 4 * sizeof *r);  // AMX
    } else if (amd && leaf == 0x80000000) {
        r[0] = 0x80000020, vendor(r);
    } else if (amd && leaf == 0x80000008) {
        r[2] = cores - 1;
    } else if (amd && leaf == 0x80000006) {
        r[2] = cache_kb[2] << 16 | 6 << 12 | 1 << 8 | 64;
        r[3] = cache_kb[3] / 512 << 18 | 9 << 12 | 1 << 8 | 64;
    }
}

static void on_fault(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    unsigned char *code = (unsigned char *)registers[REG_RIP];
    if (code[0] != 0x0f || code[1] != 0xa2) {  // a fault of the program's own
        signal(SIGSEGV, SIG_DFL);
        return;
    }
    u32 r[4];
    fault_on_cpuid(0);
    answer(registers[REG_RAX], registers[REG_RCX], r);
    fault_on_cpuid(1);
    registers[REG_RAX] = r[0], registers[REG_RBX] = r[1];
    registers[REG_RCX] = r[2], registers[REG_RDX] = r[3];
    registers[REG_RIP] += 2;
}

__attribute__((constructor(101))) static void start(void) {
    const char *name = getenv("PROCESSOR");
    if (!name) return;
    amd = !strcmp(name, "zen3");
    int one = !strcmp(name, "one core"), large = !strcmp(name, "large caches");
    if (!amd && !one && !large && strcmp(name, "haswell")) return;
    signature = amd ? 0xa00f11 : 0x306c3;
    cores = one ? 1 : large ? 64 : 4;
    u32 sizes[] = {32, 32, amd ? 512 : 256, amd ? 32768 : 8192};
    if (one) sizes[0] = sizes[1] = 16, sizes[2] = 128, sizes[3] = 1024;
    if (large) sizes[0] = sizes[1] = 64, sizes[2] = 4096, sizes[3] = 262144;
    memcpy(cache_kb, sizes, sizeof sizes);
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, 0);
    if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0)) {
        perror("CPUID cannot be made to fault");
        _exit(98);
    }
}
