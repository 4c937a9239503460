/* quota.c - see quota.h.
 *
 * Thread: any. */
#include "vault/quota.h"

#define MINUTE_NS UINT64_C(60000000000)
#define NS_PER_S  UINT64_C(1000000000)

/* What n of `limit` in a minute cost, rounded up: nobody gains by asking for little often. */
static uint64_t cost_ns(uint64_t n, uint64_t limit) {
    const unsigned __int128 ns = ((unsigned __int128)n * MINUTE_NS + limit - 1) / limit;
    return ns > INT64_MAX ? INT64_MAX : (uint64_t)ns;
}

/* Nanoseconds until n can be had; 0: now. */
static uint64_t wait_ns(uint64_t full_ns, uint64_t n, uint64_t limit, uint64_t now_ns) {
    const uint64_t owed = full_ns > now_ns ? full_ns - now_ns : 0, cost = cost_ns(n, limit);
    if (owed <= MINUTE_NS && cost <= MINUTE_NS - owed) return 0;
    return owed - (MINUTE_NS - cost); /* cost <= MINUTE_NS: the callers see to it */
}

static void take(uint64_t *full_ns, uint64_t n, uint64_t limit, uint64_t now_ns) {
    const uint64_t from = *full_ns > now_ns ? *full_ns : now_ns, cost = cost_ns(n, limit);
    *full_ns = cost > UINT64_MAX - from ? UINT64_MAX : from + cost;
}

HthStatus hth_quota_begin(HthUse *use, const HthLimits *limits, uint64_t bytes, uint64_t now_ns,
                          uint32_t *wait_s, HthErr *err) {
    const struct {
        const char *what;
        uint64_t *full_ns, n, taken, limit;
    } buckets[] = {
        { "requests", &use->requests_full_ns, 1, 1, limits->requests_min },
        { "tokens", &use->tokens_full_ns, 1, 0, limits->tokens_min },
        { "bytes", &use->bytes_full_ns, bytes, bytes, limits->bytes_min },
    };
    *wait_s = 0;
    if (limits->concurrent && use->running >= limits->concurrent) {
        *wait_s = 1;
        return HTH_FAIL(err, HTH_EAGAIN, "This key may have %u requests under way at once.",
                        limits->concurrent);
    }
    for (size_t i = 0; i < HTH_COUNT(buckets); i++) {
        const uint64_t limit = buckets[i].limit, n = buckets[i].n;
        if (!limit) continue;
        HTH_REQUIRE(n <= limit, err, HTH_ELIMIT,
                    "The body has %llu bytes; this key may send %llu in a minute.",
                    (unsigned long long)n, (unsigned long long)limit);
        const uint64_t wait = wait_ns(*buckets[i].full_ns, n, limit, now_ns);
        if (!wait) continue;
        const uint64_t s = wait / NS_PER_S + (wait % NS_PER_S != 0);
        *wait_s = s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
        return HTH_FAIL(err, HTH_EAGAIN, "This key has used its %s of this minute; wait %u s.",
                        buckets[i].what, *wait_s);
    }
    for (size_t i = 0; i < HTH_COUNT(buckets); i++)
        if (buckets[i].limit && buckets[i].taken)
            take(buckets[i].full_ns, buckets[i].taken, buckets[i].limit, now_ns);
    use->running++;
    return HTH_OK;
}

void hth_quota_end(HthUse *use, const HthLimits *limits, uint64_t tokens, uint64_t now_ns) {
    if (use->running) use->running--;
    if (limits->tokens_min) take(&use->tokens_full_ns, tokens, limits->tokens_min, now_ns);
}
