/* quantlog_fuzz.c - any bytes as a quantisation log, and as the journal of one under way.
 *
 * The first byte picks: 'L', 'J'.  A log that is taken has options within their limits; of a
 * journal exactly what is whole is taken: written again it is how the text begins.
 *
 * Thread: one. */
#include <string.h>

#include "base/mem.h"
#include "quant/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IN_MAX = 1 << 16, PIECES = 64 };

static void quant_log(HthStr text) {
    static HthQuantClaim c; /* large */
    HthErr err = { 0 };
    memset(&c, 0, sizeof c);
    if (hth_quant_claim(&c, text, &err) == HTH_OK) {
        HTH_ASSERT(c.opt.mix != NULL || c.opt.best.bytes > 0 || c.opt.best.error > 0);
        HTH_ASSERT(c.opt.rule_count <= HTH_QUANT_RULES_MAX);
        for (size_t i = 0; i < c.opt.rule_count; i++)
            HTH_ASSERT(c.rules[i].fmt != NULL &&
                       strlen(c.rules[i].pattern) <= HTH_QUANT_PATTERN_MAX);
    } else {
        HTH_ASSERT(err.text[0]);
    }
    json_decref(c.log);
}

static void journal(HthStr text) {
    static const uint8_t plan[HTH_HASH_BYTES]; /* zeros */
    HthPiece pieces[PIECES];
    HthErr err = { 0 };
    HthBuf again;
    const size_t n = hth_part_journal(pieces, PIECES, text, plan);
    HTH_ASSERT(n <= PIECES);
    if (n == 0) return;
    hth_buf_init(&again, IN_MAX + 1);
    HTH_ASSERT(hth_part_first_line(&again, plan, &err) == HTH_OK);
    for (size_t i = 0; i < n; i++)
        HTH_ASSERT(hth_part_line(&again, &pieces[i], plan, &err) == HTH_OK);
    HTH_ASSERT(again.n <= text.n && memcmp(again.p, text.p, again.n) == 0);
    hth_buf_drop(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > IN_MAX) return 0;
    hth_json_init();
    const uint64_t live = hth_mem_live();
    const HthStr text = { (const char *)data + 1, size - 1 };
    if (data[0] == 'J')
        journal(text);
    else
        quant_log(text);
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
