/* saved.c - see saved.h.
 *
 * Thread: one owner. */
#include "eval/saved.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/sum.h"
#include "eval/own.h"

static const char MAGIC[8] = { 'H', 'T', 'H', 'L', 'O', 'G', 'I', 'T' };
enum {
    VERSION = 1,
    HEAD = 128,
    HEAD_SUM = 120, /* where its checksum is */
    ROW_HEAD = 16,
    SUM = 8,
    VOCAB_MAX = 1 << 26,
    CHECK_BYTES = 1 << 20 /* read at a time */
};

size_t hth_eval_saved_row(uint32_t vocab) {
    return (ROW_HEAD + 2 * (size_t)vocab + 7) / 8 * 8;
}

void hth_eval_saved_fill(uint8_t *bytes, const HthEvalRow *row, uint32_t token, const float *logits,
                         uint32_t vocab, double log_sum) {
    memset(bytes + hth_eval_saved_row(vocab) - 8, 0, 8); /* what pads the row */
    hth_own_put_f64(bytes, row->nats);
    hth_own_put32(bytes + 8, row->top);
    hth_own_put32(bytes + 12, token);
    hth_eval_encode_row(logits, vocab, log_sum, (uint16_t *)(void *)(bytes + ROW_HEAD));
}

/* Where the checksum of a segment's rows, or its first row, is. */
static uint64_t place_of(uint32_t vocab, uint64_t row, uint64_t segment) {
    return HEAD + row * hth_eval_saved_row(vocab) + segment * SUM;
}

static void write_head(uint8_t out[HEAD], const HthEvalSavedHead *h) {
    memset(out, 0, HEAD);
    memcpy(out, MAGIC, sizeof MAGIC);
    hth_own_put32(out + 8, VERSION);
    hth_own_put32(out + 12, h->vocab);
    hth_own_put64(out + 16, h->rows);
    hth_own_put64(out + 24, h->segments);
    memcpy(out + 32, h->plan, HTH_HASH_BYTES);
    memcpy(out + 64, h->model, HTH_HASH_BYTES);
    hth_own_put64(out + HEAD_SUM, hth_sum64(0, out, HEAD_SUM));
}

/* ---- writing ---- */

struct HthEvalSave {
    HthOwn file;
    HthEvalSavedHead head;
    uint64_t at, sum; /* of the segment being written */
    char path[PATH_MAX];
};

HthStatus hth_eval_save_open(HthEvalSave **out, const char *path, const HthEvalSavedHead *head,
                             HthErr *err) {
    char part[PATH_MAX];
    uint8_t bytes[HEAD];
    HTH_REQUIRE(strlen(path) < sizeof part - 8, err, HTH_EINVAL,
                "the path of the logits file is too long");
    HthEvalSave *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s != NULL, err, HTH_ENOMEM, "out of memory");
    s->head = *head;
    s->file.fd = -1;
    snprintf(s->path, sizeof s->path, "%s", path);
    snprintf(part, sizeof part, "%.*s.part", PATH_MAX - 8, path);
    HthStatus st = hth_own_open(&s->file, part, err);
    write_head(bytes, head);
    if (st == HTH_OK) st = hth_own_write(&s->file, 0, bytes, sizeof bytes, err);
    if (st == HTH_OK)
        *out = s;
    else
        hth_eval_save_close(&s);
    return st;
}

void hth_eval_save_close(HthEvalSave **s) {
    if (*s == NULL) return;
    hth_own_close(&(*s)->file);
    hth_free(*s);
    *s = NULL;
}

HthStatus hth_eval_save_begin(HthEvalSave *s, const HthEvalPlan *plan, size_t segment,
                              HthErr *err) {
    uint64_t size = 0;
    s->at = place_of(s->head.vocab, plan->segments[segment].row, segment);
    s->sum = 0;
    HTH_TRY(hth_own_size(&s->file, &size, err));
    return size < s->at ? HTH_FAIL(err, HTH_EFORMAT, "%.150s is shorter than it was", s->file.path)
                        : HTH_OK;
}

HthStatus hth_eval_save_add(HthEvalSave *s, const uint8_t *rows, size_t n, HthErr *err) {
    const size_t bytes = n * hth_eval_saved_row(s->head.vocab);
    HTH_TRY(hth_own_write(&s->file, s->at, rows, bytes, err));
    s->sum = hth_sum64(s->sum, rows, bytes);
    s->at += bytes;
    return HTH_OK;
}

HthStatus hth_eval_save_end(HthEvalSave *s, uint64_t *sum, HthErr *err) {
    uint8_t bytes[SUM];
    hth_own_put64(bytes, s->sum);
    HTH_TRY(hth_own_write(&s->file, s->at, bytes, sizeof bytes, err));
    *sum = s->sum;
    return HTH_OK;
}

HthStatus hth_eval_save_has(HthEvalSave *s, const HthEvalPlan *plan, size_t segment, uint64_t sum,
                            bool *out, HthErr *err) {
    const HthEvalSegment *seg = &plan->segments[segment];
    uint64_t at = place_of(s->head.vocab, seg->row, segment), size = 0, found = 0;
    uint64_t left = (uint64_t)hth_eval_scored(seg) * hth_eval_saved_row(s->head.vocab);
    uint8_t last[SUM];
    *out = false;
    HTH_TRY(hth_own_size(&s->file, &size, err));
    if (size < at + left + SUM) return HTH_OK;
    uint8_t *buf = hth_calloc(CHECK_BYTES, 1);
    HTH_REQUIRE(buf != NULL, err, HTH_ENOMEM, "out of memory");
    HthStatus st = HTH_OK;
    while (st == HTH_OK && left > 0) {
        const size_t n = left < CHECK_BYTES ? (size_t)left : CHECK_BYTES;
        st = hth_own_read(&s->file, at, buf, n, err);
        found = hth_sum64(found, buf, n);
        at += n;
        left -= n;
    }
    if (st == HTH_OK) st = hth_own_read(&s->file, at, last, sizeof last, err);
    if (st == HTH_OK) *out = found == sum && hth_le64(last) == sum;
    hth_free(buf);
    return st;
}

HthStatus hth_eval_save_commit(HthEvalSave *s, HthErr *err) {
    HTH_TRY(hth_own_cut(&s->file, place_of(s->head.vocab, s->head.rows, s->head.segments), err));
    return hth_own_move(&s->file, s->path, err);
}

/* ---- reading ---- */

struct HthEvalBase {
    HthFileMap map;
    HthStr bytes;
    HthEvalSavedHead head;
    char name[160];
};

static HthStatus read_head(HthEvalBase *b, HthErr *err) {
    const uint8_t *p = (const uint8_t *)b->bytes.p;
    HthEvalSavedHead *h = &b->head;
    HTH_REQUIRE(b->bytes.n >= HEAD && memcmp(p, MAGIC, sizeof MAGIC) == 0, err, HTH_EFORMAT,
                "%s is no file of saved logits; hearth eval --save-logits writes one", b->name);
    HTH_REQUIRE(hth_le32(p + 8) == VERSION, err, HTH_ENOTSUP,
                "%s has version %u of saved logits; this program reads %d", b->name,
                hth_le32(p + 8), VERSION);
    HTH_REQUIRE(hth_le64(p + HEAD_SUM) == hth_sum64(0, p, HEAD_SUM), err, HTH_EFORMAT,
                "%s: its head is damaged", b->name);
    h->vocab = hth_le32(p + 12);
    h->rows = hth_le64(p + 16);
    h->segments = hth_le64(p + 24);
    memcpy(h->plan, p + 32, HTH_HASH_BYTES);
    memcpy(h->model, p + 64, HTH_HASH_BYTES);
    HTH_REQUIRE(h->vocab > 0 && h->vocab <= VOCAB_MAX, err, HTH_EFORMAT,
                "%s: a vocabulary of %u tokens", b->name, h->vocab);
    uint64_t rows, size;
    const bool over = __builtin_mul_overflow(h->rows, hth_eval_saved_row(h->vocab), &rows) ||
                      __builtin_mul_overflow(h->segments, (uint64_t)SUM, &size) ||
                      __builtin_add_overflow(size, rows, &size) ||
                      __builtin_add_overflow(size, (uint64_t)HEAD, &size);
    HTH_REQUIRE(!over && size == b->bytes.n, err, HTH_EFORMAT,
                "%s: %zu bytes are not what %llu rows take", b->name, b->bytes.n,
                (unsigned long long)h->rows);
    return HTH_OK;
}

static HthStatus base_new(HthEvalBase **out, const char *name, HthErr *err) {
    HthEvalBase *b = hth_calloc(1, sizeof *b);
    HTH_REQUIRE(b != NULL, err, HTH_ENOMEM, "out of memory");
    snprintf(b->name, sizeof b->name, "%.150s", name);
    *out = b;
    return HTH_OK;
}

HthStatus hth_eval_base_over(HthEvalBase **out, HthStr bytes, const char *name, HthErr *err) {
    HthEvalBase *b = NULL;
    HTH_TRY(base_new(&b, name, err));
    b->bytes = bytes;
    const HthStatus st = read_head(b, err);
    if (st == HTH_OK)
        *out = b;
    else
        hth_eval_base_close(&b);
    return st;
}

HthStatus hth_eval_base_open(HthEvalBase **out, const char *path, HthErr *err) {
    HthEvalBase *b = NULL;
    HTH_TRY(base_new(&b, path, err));
    HthStatus st = hth_file_map(&b->map, path, err);
    if (st == HTH_OK) {
        b->bytes = (HthStr){ (const char *)b->map.data, b->map.n };
        st = read_head(b, err);
    }
    if (st == HTH_OK)
        *out = b;
    else
        hth_eval_base_close(&b);
    return st;
}

void hth_eval_base_close(HthEvalBase **b) {
    if (*b == NULL) return;
    hth_file_unmap(&(*b)->map);
    hth_free(*b);
    *b = NULL;
}

const HthEvalSavedHead *hth_eval_base_head(const HthEvalBase *b) {
    return &b->head;
}

HthStatus hth_eval_base_fits(const HthEvalBase *b, const HthEvalPlan *plan, uint32_t vocab,
                             HthErr *err) {
    HTH_REQUIRE(b->head.vocab == vocab, err, HTH_EFORMAT,
                "%s has logits of %u tokens, this model has %u", b->name, b->head.vocab, vocab);
    HTH_REQUIRE(memcmp(b->head.plan, plan->digest, HTH_HASH_BYTES) == 0 &&
                    b->head.rows == plan->rows && b->head.segments == plan->segment_count,
                err, HTH_EFORMAT,
                "%s has the logits of other tokens: the text, --ctx, --stride or the tokenizer "
                "differ",
                b->name);
    return HTH_OK;
}

static const uint8_t *rows_of(const HthEvalBase *b, const HthEvalPlan *plan, size_t segment) {
    return (const uint8_t *)b->bytes.p +
           place_of(b->head.vocab, plan->segments[segment].row, segment);
}

HthStatus hth_eval_base_check(HthEvalBase *b, const HthEvalPlan *plan, size_t segment,
                              HthErr *err) {
    const uint8_t *p = rows_of(b, plan, segment);
    const uint32_t rows = hth_eval_scored(&plan->segments[segment]);
    const size_t row = hth_eval_saved_row(b->head.vocab), n = rows * row;
    HTH_REQUIRE(hth_sum64(0, p, n) == hth_le64(p + n), err, HTH_EFORMAT,
                "%s: segment %zu is damaged", b->name, segment);
    for (uint32_t k = 0; k < rows; k++) {
        const double nats = hth_own_f64(p + k * row);
        HTH_REQUIRE(isfinite(nats) && nats >= 0, err, HTH_EFORMAT,
                    "%s: row %u of segment %zu has no probability", b->name, k, segment);
    }
    return HTH_OK;
}

void hth_eval_base_let_go(HthEvalBase *b, const HthEvalPlan *plan, size_t segment) {
    if (b->map.data == NULL) return;
    hth_file_let_go(&b->map, rows_of(b, plan, segment),
                    hth_eval_scored(&plan->segments[segment]) * hth_eval_saved_row(b->head.vocab));
}

void hth_eval_base_row(const HthEvalBase *b, const HthEvalPlan *plan, size_t segment, uint32_t k,
                       double *nats, uint32_t *top, const uint8_t **codes) {
    const uint8_t *p = rows_of(b, plan, segment) + k * hth_eval_saved_row(b->head.vocab);
    *nats = hth_own_f64(p);
    *top = hth_le32(p + 8);
    *codes = p + ROW_HEAD;
}
