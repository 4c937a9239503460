/* state.c - see state.h.
 *
 * Thread: one owner. */
#include "eval/state.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/sum.h"
#include "eval/own.h"

static const char MAGIC[8] = { 'H', 'T', 'H', 'E', 'V', 'A', 'L', '1' };
enum { HEAD = 64, HEAD_DIGEST = 8, HEAD_SUM = 56, ROW = 32, TAIL = 16 };

struct HthEvalState {
    HthOwn file;
    uint64_t at, size;
};

static HthStatus begin(HthEvalState *s, const uint8_t digest[HTH_HASH_BYTES], HthErr *err) {
    uint8_t want[HEAD] = { 0 }, found[HEAD] = { 0 };
    memcpy(want, MAGIC, sizeof MAGIC);
    memcpy(want + HEAD_DIGEST, digest, HTH_HASH_BYTES);
    hth_own_put64(want + HEAD_SUM, hth_sum64(0, want, HEAD_SUM));
    HTH_TRY(hth_own_size(&s->file, &s->size, err));
    const size_t n = s->size < HEAD ? (size_t)s->size : HEAD;
    HTH_TRY(hth_own_read(&s->file, 0, found, n, err));
    const size_t magic = n < sizeof MAGIC ? n : sizeof MAGIC;
    HTH_REQUIRE(memcmp(found, MAGIC, magic) == 0, err, HTH_EINVAL,
                "%.150s is not the state of an evaluation; move it away, or give another --state",
                s->file.path);
    s->at = HEAD;
    if (n == HEAD && memcmp(found, want, HEAD) == 0) return HTH_OK;
    s->size = HEAD;
    HTH_TRY(hth_own_cut(&s->file, 0, err));
    return hth_own_write(&s->file, 0, want, HEAD, err);
}

HthStatus hth_eval_state_open(HthEvalState **out, const char *path,
                              const uint8_t digest[HTH_HASH_BYTES], HthErr *err) {
    HthEvalState *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s != NULL, err, HTH_ENOMEM, "out of memory");
    s->file.fd = -1;
    HthStatus st = hth_own_open(&s->file, path, err);
    if (st == HTH_OK) st = begin(s, digest, err);
    if (st == HTH_OK)
        *out = s;
    else
        hth_eval_state_close(&s);
    return st;
}

/* The checksum goes on from where the record lies, so that one in another's place is none. */
static uint64_t sum_of(uint64_t at, const uint8_t *bytes, size_t n) {
    return hth_sum64(at, bytes, n);
}

static void get_row(HthEvalRow *r, const uint8_t *p) {
    r->nats = hth_own_f64(p);
    r->kl = hth_own_f64(p + 8);
    r->base_nats = hth_own_f64(p + 16);
    r->top = hth_le32(p + 24);
    r->base_top = hth_le32(p + 28);
}

static void put_row(uint8_t *p, const HthEvalRow *r) {
    hth_own_put_f64(p, r->nats);
    hth_own_put_f64(p + 8, r->kl);
    hth_own_put_f64(p + 16, r->base_nats);
    hth_own_put32(p + 24, r->top);
    hth_own_put32(p + 28, r->base_top);
}

HthStatus hth_eval_state_next(HthEvalState *s, HthEvalRow *rows, uint32_t n, uint64_t *saved,
                              bool *there, HthErr *err) {
    const size_t bytes = (size_t)n * ROW + TAIL;
    *there = false;
    if (s->size - s->at < bytes) return HTH_OK;
    uint8_t *buf = hth_calloc(bytes, 1);
    HTH_REQUIRE(buf != NULL, err, HTH_ENOMEM, "out of memory");
    const HthStatus st = hth_own_read(&s->file, s->at, buf, bytes, err);
    if (st == HTH_OK && hth_le64(buf + bytes - 8) == sum_of(s->at, buf, bytes - 8)) {
        for (uint32_t i = 0; i < n; i++) get_row(&rows[i], buf + (size_t)i * ROW);
        *saved = hth_le64(buf + bytes - TAIL);
        *there = true;
        s->at += bytes;
    }
    hth_free(buf);
    return st;
}

void hth_eval_state_back(HthEvalState *s, uint32_t n) {
    s->at -= (uint64_t)n * ROW + TAIL;
}

HthStatus hth_eval_state_add(HthEvalState *s, const HthEvalRow *rows, uint32_t n, uint64_t saved,
                             HthErr *err) {
    const size_t bytes = (size_t)n * ROW + TAIL;
    uint8_t *buf = hth_calloc(bytes, 1);
    HTH_REQUIRE(buf != NULL, err, HTH_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++) put_row(buf + (size_t)i * ROW, &rows[i]);
    hth_own_put64(buf + bytes - TAIL, saved);
    hth_own_put64(buf + bytes - 8, sum_of(s->at, buf, bytes - 8));
    HthStatus st = hth_own_write(&s->file, s->at, buf, bytes, err);
    s->at += bytes;
    /* What a longer try left behind this record is of no use. */
    if (st == HTH_OK && s->size > s->at) st = hth_own_cut(&s->file, s->at, err);
    if (st == HTH_OK) s->size = s->at;
    hth_free(buf);
    return st;
}

void hth_eval_state_remove(HthEvalState **s) {
    if (*s == NULL) return;
    hth_own_remove(&(*s)->file);
    hth_eval_state_close(s);
}

void hth_eval_state_close(HthEvalState **s) {
    if (*s == NULL) return;
    hth_own_close(&(*s)->file);
    hth_free(*s);
    *s = NULL;
}
