/* fake.h - a model of one line, whose words depend on every byte of cache it was given.
 *
 * A position's content is a hash of the content before it, read back from the page, and its token;
 * a word is a hash of the contents of all positions, read back too.  A wrong page, a missing one,
 * one that was not wiped or is written twice changes the words.  What a request says alone is
 * computed beside it without any page.
 *
 * Thread: one. */
#ifndef HTH_TESTS_SIM_FAKE_H
#define HTH_TESTS_SIM_FAKE_H

#include <string.h>

#include "op/kv_view.h"

static inline uint64_t fake_mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ h >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

/* Never 0: that is what was not written. */
static inline uint64_t fake_content(uint64_t before, uint32_t token) {
    return fake_mix(before + 1, token) | 1;
}

static inline uint32_t fake_word(uint64_t sum, uint64_t last) {
    return (uint32_t)(fake_mix(sum, last) >> 44);
}

/* The content lies in the key and the value of the one head of the one layer, 32 bits each. */
static inline uint64_t fake_read(const HthKvView *v, uint32_t pos) {
    const size_t at = pos % HTH_PAGE_LEN * sizeof(uint32_t);
    uint32_t high, low;
    memcpy(&high, hth_kv_keys(v, 0, 0, pos) + at, sizeof high);
    memcpy(&low, hth_kv_values(v, 0, 0, pos) + at, sizeof low);
    return (uint64_t)high << 32 | low;
}

static inline void fake_write(const HthKvView *v, uint32_t pos, uint64_t content) {
    const size_t at = pos % HTH_PAGE_LEN * sizeof(uint32_t);
    const uint32_t high = (uint32_t)(content >> 32), low = (uint32_t)content;
    memcpy(hth_kv_keys(v, 0, 0, pos) + at, &high, sizeof high);
    memcpy(hth_kv_values(v, 0, 0, pos) + at, &low, sizeof low);
}

/* The word after the first `len` positions, from the pages. */
static inline uint32_t fake_draw(const HthKvView *v, uint32_t len) {
    uint64_t sum = 0;
    for (uint32_t pos = 0; pos < len; pos++) sum += fake_read(v, pos) * (2 * (uint64_t)pos + 1);
    return fake_word(sum, fake_read(v, len - 1));
}

/* The same without pages, one token after another. */
typedef struct FakeSolo {
    uint64_t last, sum;
    uint32_t len;
} FakeSolo;

static inline uint32_t fake_solo(FakeSolo *f, const uint32_t *ids, uint32_t len) {
    for (; f->len < len; f->len++) {
        f->last = fake_content(f->last, ids[f->len]);
        f->sum += f->last * (2 * (uint64_t)f->len + 1);
    }
    return fake_word(f->sum, f->last);
}

#endif
