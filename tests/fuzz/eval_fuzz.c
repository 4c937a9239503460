/* eval_fuzz.c - any bytes as a line of a test set, and as a file of saved logits.
 *
 * The first byte picks: 'T' a line with a text, 'L' saved logits, otherwise a line with choices,
 * the byte saying in which style.  An item that is taken has choices within its text and a label
 * among them; logits that are taken are read to their last row.
 *
 * Thread: one. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/sum.h"
#include "eval/saved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IN_MAX = 1 << 16, STYLES = HTH_EVAL_PAIR + 1, VOCAB_MAX = 4096 };

static void one_item(HthStr line, HthEvalStyle style) {
    HthEvalItem item;
    HthErr err = { 0 };
    hth_eval_item_init(&item);
    if (hth_eval_item_read(&item, line, style, line.n % 2 ? "g" : NULL, &err) == HTH_OK) {
        HTH_ASSERT(item.count >= 2 && item.count <= HTH_EVAL_CHOICES_MAX);
        HTH_ASSERT(item.label < item.count);
        HTH_ASSERT(strlen(item.group) <= HTH_EVAL_GROUP_MAX);
        for (uint32_t i = 0; i < item.count; i++) {
            const HthEvalChoice *c = &item.choices[i];
            HTH_ASSERT(c->context < c->all && c->all <= item.text.n - c->at && c->own > 0);
        }
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_eval_item_drop(&item);
}

static void one_text(HthStr line) {
    json_t *owner = NULL;
    HthStr text;
    char group[HTH_EVAL_GROUP_MAX + 1];
    HthErr err = { 0 };
    if (hth_eval_text_read(&owner, &text, group, line, line.n % 2 ? "g" : NULL, &err) == HTH_OK)
        HTH_ASSERT(owner != NULL && text.p != NULL && strlen(group) <= HTH_EVAL_GROUP_MAX);
    else
        HTH_ASSERT(err.text[0] && owner == NULL);
    json_decref(owner);
}

/* One segment of all rows, which is how the head is made to fit the plan. */
static void read_rows(HthEvalBase *b) {
    static float logits[VOCAB_MAX];
    const HthEvalSavedHead *h = hth_eval_base_head(b);
    HthEvalSegment seg = { .n = (uint32_t)h->rows + 1, .first = 1 };
    HthEvalPlan plan = { .segments = &seg, .segment_count = 1, .rows = h->rows };
    HthEvalCodes *codes = NULL;
    HthErr err = { 0 };
    memcpy(plan.digest, h->plan, HTH_HASH_BYTES);
    if (h->segments != 1 || h->rows == 0 || h->vocab > VOCAB_MAX) return;
    HTH_ASSERT(hth_eval_base_fits(b, &plan, h->vocab, &err) == HTH_OK);
    if (hth_eval_base_check(b, &plan, 0, &err) != HTH_OK) return;
    HTH_ASSERT(hth_eval_codes_open(&codes, &err) == HTH_OK);
    for (uint32_t k = 0; k < h->rows; k++) {
        const uint8_t *row;
        double nats;
        uint32_t top;
        hth_eval_base_row(b, &plan, 0, k, &nats, &top, &row);
        const double kl = hth_eval_kl(codes, row, logits, h->vocab, log(h->vocab));
        HTH_ASSERT(isfinite(kl) && kl >= 0 && nats >= 0);
    }
    hth_eval_codes_close(&codes);
}

/* With right checksums, so that what is behind them is reached: of the head, of the one segment. */
static void saved(const uint8_t *data, size_t size) {
    static uint8_t bytes[IN_MAX];
    HthEvalBase *b = NULL;
    HthErr err = { 0 };
    if (size > sizeof bytes) return;
    memcpy(bytes, data, size);
    for (int sums = 0; sums < 2; sums++) {
        if (sums && size >= 128) {
            const uint64_t head = hth_sum64(0, bytes, 120);
            memcpy(bytes + 120, &head, 8);
        }
        if (sums && size >= 136) {
            const uint64_t rows = hth_sum64(0, bytes + 128, size - 136);
            memcpy(bytes + size - 8, &rows, 8);
        }
        if (hth_eval_base_over(&b, (HthStr){ (const char *)bytes, size }, "x", &err) == HTH_OK)
            read_rows(b);
        else
            HTH_ASSERT(err.text[0]);
        hth_eval_base_close(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > IN_MAX) return 0;
    hth_json_init();
    const uint64_t live = hth_mem_live();
    const HthStr text = { (const char *)data + 1, size - 1 };
    if (data[0] == 'T')
        one_text(text);
    else if (data[0] == 'L')
        saved(data + 1, size - 1);
    else
        one_item(text, (HthEvalStyle)(data[0] % STYLES));
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
