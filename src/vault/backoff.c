/* backoff.c - see backoff.h.
 *
 * Thread: see backoff.h. */
#include "vault/backoff.h"

#include <string.h>

#include "crypt/hash.h"

enum { WAIT_S_MAX = 60, FORGET_S = 600, NAME_MAX_BYTES = 256 };
#define NS_PER_S UINT64_C(1000000000)

void hth_backoff_init(HthBackoff *b) {
    memset(b, 0, sizeof *b);
    hth_random(b->salt, sizeof b->salt);
}

uint64_t hth_backoff_who(const HthBackoff *b, const char *kind, HthStr name) {
    uint8_t digest[HTH_HASH_BYTES], text[sizeof b->salt + 16 + NAME_MAX_BYTES] = { 0 };
    uint64_t who;
    const size_t n = name.n < NAME_MAX_BYTES ? name.n : NAME_MAX_BYTES, k = strlen(kind);
    HTH_ASSERT(k < 16);
    memcpy(text, b->salt, sizeof b->salt);
    memcpy(text + sizeof b->salt, kind, k);
    if (n) memcpy(text + sizeof b->salt + 16, name.p, n);
    hth_hash(HTH_SHA3_256, text, sizeof b->salt + 16 + n, digest);
    memcpy(&who, digest, sizeof who);
    return who;
}

static HthBackoffSlot *find(const HthBackoff *b, uint64_t who) {
    for (size_t i = 0; i < HTH_BACKOFF_SLOTS; i++)
        if (b->slots[i].fails && b->slots[i].who == who)
            return (HthBackoffSlot *)(uintptr_t)&b->slots[i];
    return NULL;
}

uint32_t hth_backoff_wait_s(const HthBackoff *b, uint64_t who, uint64_t now_ns) {
    const HthBackoffSlot *s = find(b, who);
    if (!s || now_ns >= s->until_ns) return 0;
    return (uint32_t)((s->until_ns - now_ns + NS_PER_S - 1) / NS_PER_S);
}

/* A free slot, or that of whoever may come first again. */
static HthBackoffSlot *make_room(HthBackoff *b) {
    HthBackoffSlot *least = &b->slots[0];
    for (size_t i = 0; i < HTH_BACKOFF_SLOTS; i++) {
        HthBackoffSlot *s = &b->slots[i];
        if (!s->fails) return s;
        if (s->until_ns < least->until_ns ||
            (s->until_ns == least->until_ns && s->last_ns < least->last_ns))
            least = s;
    }
    return least;
}

void hth_backoff_failed(HthBackoff *b, uint64_t who, uint64_t now_ns) {
    HthBackoffSlot *s = find(b, who);
    if (!s) {
        s = make_room(b);
        *s = (HthBackoffSlot){ .who = who };
    } else if (now_ns - s->last_ns > FORGET_S * NS_PER_S) {
        *s = (HthBackoffSlot){ .who = who };
    }
    s->last_ns = now_ns;
    if (s->fails < UINT32_MAX) s->fails++;
    if (s->fails <= HTH_BACKOFF_FREE) return;
    const uint32_t doublings = s->fails - HTH_BACKOFF_FREE - 1;
    const uint64_t wait_s = doublings < 6 ? UINT64_C(1) << doublings : WAIT_S_MAX;
    s->until_ns = now_ns + wait_s * NS_PER_S;
}

void hth_backoff_passed(HthBackoff *b, uint64_t who) {
    HthBackoffSlot *s = find(b, who);
    if (s) *s = (HthBackoffSlot){ 0 };
}
