/* cage_int.h - what the files of this folder share.
 *
 * Thread: as cage.h. */
#ifndef HTH_CAGE_CAGE_INT_H
#define HTH_CAGE_CAGE_INT_H

#include <linux/filter.h>
#include <sys/syscall.h>

#include "cage/cage.h"

enum {
    HTH_CAGE_FILTER_MAX = 300, /* instructions */
    HTH_CAGE_DROP_NONE = -1,
    HTH_CAGE_LAST_CALL = 450 /* the last system call of Linux 6.1; what came later is not known */
};

#if defined(__SANITIZE_ADDRESS__)
/* Its search for leaks makes a thread that stops the others and reads of them in /proc/self. */
#define HTH_CAGE_PTRACE 0
#else
#define HTH_CAGE_PTRACE 1
#endif

/* Rules of this kind, the gates in front of the table included. */
uint32_t hth_cage_rule_count(HthCageKind kind);
const char *hth_cage_rule_name(HthCageKind kind, uint32_t i); /* NULL past the last */
/* The filter of a kind without its rule `drop`: [HTH_CAGE_FILTER_MAX]; how many instructions. */
uint32_t hth_cage_filter(HthCageKind kind, int drop, struct sock_filter *out);

/* 0, or an errno. The filter is on every thread of this process afterwards. */
int hth_cage_load(const struct sock_filter *filter, uint32_t n);

/* hth_cage_enter without one rule. */
HTH_MUST_CHECK HthStatus hth_cage_enter_but(const HthCageCfg *cfg, int drop, HthCageState *out,
                                            HthErr *err);
/* hth_cage_prove of a cage without one rule, to see whether it notices. */
HTH_MUST_CHECK HthStatus hth_cage_prove_but(const HthCageCfg *cfg, int drop, HthCageProof *out,
                                            HthErr *err);

/* 0: the kernel has none. */
int hth_cage_landlock_abi(void);
/* Only the places can be opened from now on; no TCP, and no signal to outside, where it knows. Not
 * of a HTH_CAGE_MAIN: the kernel asks the same rule when it ends the children of who has died. */
HTH_MUST_CHECK HthStatus hth_cage_landlock(int abi, const HthCageCfg *cfg, HthErr *err);

/* ---- tries ---------------------------------------------------------------------------------- */

/* What a try names in its arguments, instead of a number. */
enum {
    HTH_TRY_ACCEPTED = 0x7ead0000, /* a connection that was accepted */
    HTH_TRY_LISTENER, /* what it was accepted from */
    HTH_TRY_FRESH, /* a TCP socket left over from before, not connected */
    HTH_TRY_UDP, /* a UDP socket left over */
    HTH_TRY_PAIR, /* one end of a pair of unix sockets left over, a descriptor waiting in it */
    HTH_TRY_TARGET, /* address of a listener outside */
    HTH_TRY_UDP_TARGET,
    HTH_TRY_NOWHERE, /* address of family AF_UNSPEC: a connected socket becomes free again */
    HTH_TRY_MESSAGE, /* struct msghdr with a byte and room for a descriptor */
    HTH_TRY_MESSAGE_TO, /* the same with the target's address */
    HTH_TRY_BYTE, /* a byte to send */
    HTH_TRY_BUFFER, /* room, zeroed */
    HTH_TRY_END
};
enum { HTH_TRY_ADDRESS = 16, /* bytes of HTH_TRY_TARGET */ HTH_TRY_BUFFER_SIZE = 4096 };

typedef struct HthTryCall {
    const char *name;
    long nr;
    long args[6];
    int want; /* errno, or a negative signal */
    unsigned kinds; /* bits 1 << HthCageKind */
    long (*run)(void); /* instead of the call, in a process of its own */
} HthTryCall;

const HthTryCall *hth_try_at(size_t i); /* NULL past the last */

#endif
