/* rows.c - see job.h: the pass over the tensors.
 *
 * A few mebibytes of rows at a time: the workers turn them into floats, encode, decode and compare;
 * then the owner sums the errors in the order of the rows, hashes and writes.  So neither bytes nor
 * figures depend on who did which row.
 *
 * Thread: one owner. */
#include "quant/job.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { BATCH_BYTES = 4 << 20, BATCH_ROWS = 4096, ROW_MAX = 1 << 20 /* weights */ };

typedef struct RowSum {
    double error, weight, worst;
    bool odd; /* a weight is not finite */
    bool large; /* a weight is, but not what its type makes of it */
} RowSum;

typedef struct Batch {
    const HthQuantTensor *q;
    uint64_t first; /* row */
    size_t to_bytes; /* of a row */
    uint8_t *to;
    float *floats; /* [threads][2][row] */
    RowSum *sums; /* [BATCH_ROWS] */
    float *imp; /* hth_quant_importance */
} Batch;

void hth_quant_row(const HthQuantTensor *q, uint64_t row, float *out) {
    const HthGgufTensor *t = q->from;
    t->fmt->dequant(t->data + row * hth_fmt_row_bytes(t->fmt, t->ne[0]), out, t->ne[0]);
    for (uint64_t i = 0; q->shift != NULL && i < t->ne[0]; i++)
        out[i] *= hth_quant_pow2(q->sign * q->shift[i]);
}

static void one_row(void *ctx, uint32_t item, uint32_t worker) {
    const Batch *b = ctx;
    const HthGgufTensor *from = b->q->from;
    const size_t n = from->ne[0];
    float *in = b->floats + 2 * n * worker, *back = in + n;
    uint8_t *to = b->to + item * b->to_bytes;
    RowSum s = { 0 };
    hth_quant_row(b->q, b->first + item, in);
    for (size_t i = 0; i < n; i++) s.odd |= !isfinite(in[i]);
    if (!s.odd) {
        if (b->imp != NULL && b->q->to->quant_by != NULL)
            b->q->to->quant_by(in, b->imp + (b->first + item) / from->ne[1] * n, to, n);
        else
            b->q->to->quant(in, to, n);
        b->q->to->dequant(to, back, n);
        for (size_t i = 0; i < n; i++) {
            const double off = (double)back[i] - in[i];
            s.error += off * off;
            s.weight += (double)in[i] * in[i];
            if (fabs(off) > s.worst) s.worst = fabs(off);
            s.large |= !isfinite(back[i]);
        }
    }
    b->sums[item] = s;
}

/* Where finished bytes go. */
typedef struct Sink {
    HthQuantJob *job;
    HthPart *part; /* may be NULL */
    HthHash sha256, sha3; /* of the output so far */
    HthHash piece; /* of the tensor at hand */
    uint64_t at; /* bytes of the output so far */
} Sink;

static void count_in(Sink *s, const void *bytes, size_t n) {
    hth_hash_add(&s->sha256, bytes, n);
    hth_hash_add(&s->sha3, bytes, n);
    s->at += n;
}

static HthStatus tell(const Sink *s, HthErr *err) {
    return hth_quant_tell(s->job->opt, s->part != NULL ? "quantising" : "comparing", s->at,
                          s->job->out_bytes, err);
}

static HthStatus put(Sink *s, const void *bytes, size_t n, HthErr *err) {
    if (s->part != NULL) HTH_TRY(hth_part_write(s->part, s->at, bytes, n, err));
    count_in(s, bytes, n);
    return tell(s, err);
}

static HthStatus put_zeros(Sink *s, size_t n, HthErr *err) {
    static const uint8_t zeros[4096];
    while (n > 0) {
        const size_t here = n < sizeof zeros ? n : sizeof zeros;
        HTH_TRY(put(s, zeros, here, err));
        n -= here;
    }
    return HTH_OK;
}

/* A tensor that keeps its type: its bytes. */
static HthStatus copy_tensor(Sink *s, HthQuantTensor *q, HthErr *err) {
    for (size_t at = 0; at < q->bytes;) {
        const size_t n = q->bytes - at < BATCH_BYTES ? q->bytes - at : BATCH_BYTES;
        hth_hash_add(&s->piece, q->from->data + at, n);
        HTH_TRY(put(s, q->from->data + at, n, err));
        at += n;
    }
    return HTH_OK;
}

static HthStatus batches(Sink *s, HthQuantTensor *q, Batch *b, uint64_t rows, HthErr *err) {
    uint64_t per = BATCH_BYTES / b->to_bytes;
    per = per < 1 ? 1 : per > BATCH_ROWS ? BATCH_ROWS : per;
    for (; b->first < rows; b->first += per) {
        const uint32_t n = (uint32_t)(rows - b->first < per ? rows - b->first : per);
        hth_par_run(s->job->pool, n, one_row, b);
        for (uint32_t i = 0; i < n; i++) {
            HTH_REQUIRE(!b->sums[i].odd, err, HTH_EFORMAT,
                        "tensor '%.*s' holds a weight that is not a finite number",
                        (int)q->from->name.n, q->from->name.p);
            HTH_REQUIRE(!b->sums[i].large, err, HTH_EFORMAT,
                        "tensor '%.*s' holds a weight that is too large for %s",
                        (int)q->from->name.n, q->from->name.p, q->to->name);
            q->piece.error += b->sums[i].error;
            q->piece.weight += b->sums[i].weight;
            if (b->sums[i].worst > q->piece.worst) q->piece.worst = b->sums[i].worst;
        }
        hth_hash_add(&s->piece, b->to, n * b->to_bytes);
        HTH_TRY(put(s, b->to, n * b->to_bytes, err));
    }
    return HTH_OK;
}

static HthStatus quantise_tensor(Sink *s, HthQuantTensor *q, HthErr *err) {
    const uint64_t row = q->from->ne[0], rows = q->from->ne[1] * q->from->ne[2] * q->from->ne[3];
    Batch b = { .q = q, .to_bytes = hth_fmt_row_bytes(q->to, row) };
    const size_t room = b.to_bytes > BATCH_BYTES ? b.to_bytes : BATCH_BYTES;
    const size_t floats = 2 * (size_t)row * hth_pool_threads(s->job->pool);
    HTH_REQUIRE(row <= ROW_MAX, err, HTH_ELIMIT,
                "tensor '%.*s' has rows of %llu weights; hearth quantises rows up to %d",
                (int)q->from->name.n, q->from->name.p, (unsigned long long)row, ROW_MAX);
    b.to = hth_calloc(room, 1);
    b.floats = hth_calloc(floats, sizeof *b.floats);
    b.sums = hth_calloc(BATCH_ROWS, sizeof *b.sums);
    HthStatus st = b.to != NULL && b.floats != NULL && b.sums != NULL
                       ? hth_quant_importance(s->job, q, &b.imp, err)
                       : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    if (st == HTH_OK) st = batches(s, q, &b, rows, err);
    hth_free(b.imp);
    hth_free(b.to);
    hth_free(b.floats);
    hth_free(b.sums);
    return st;
}

/* The bytes that an earlier run left of a tensor: their digest, or (NULL) into the whole's. */
static HthStatus read_kept(Sink *s, const HthQuantTensor *q, uint8_t *digest, HthErr *err) {
    enum { PART = 1 << 20 };
    HthHash h = { 0 };
    uint8_t *bytes = hth_calloc(PART, 1);
    HthStatus st = bytes != NULL ? HTH_OK : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    if (st == HTH_OK && digest != NULL) st = hth_hash_begin(&h, HTH_SHA256, err);
    for (size_t at = 0; st == HTH_OK && at < q->bytes;) {
        const size_t n = q->bytes - at < PART ? q->bytes - at : PART;
        st = hth_part_read(s->part, q->at + at, bytes, n, err);
        if (st != HTH_OK) break;
        if (digest != NULL)
            hth_hash_add(&h, bytes, n);
        else
            count_in(s, bytes, n);
        st = tell(s, err);
        at += n;
    }
    hth_hash_end(&h, st == HTH_OK ? digest : NULL);
    hth_free(bytes);
    return st;
}

/* Whether an earlier run's bytes of tensor i are whole: then they count, and *kept says so. They
 * are read twice: what turns out to be wrong must not have entered the digest of the whole. */
static HthStatus keep_tensor(Sink *s, size_t i, bool *kept, HthErr *err) {
    HthQuantTensor *q = &s->job->tensors[i];
    uint8_t digest[HTH_HASH_BYTES];
    HthPiece known;
    *kept = false;
    if (s->part == NULL || !hth_part_known(s->part, i, &known)) return HTH_OK;
    const HthStatus st = read_kept(s, q, digest, err);
    if (st == HTH_ENOMEM || st == HTH_ECANCELED) return st;
    if (st != HTH_OK || memcmp(digest, known.sha256, sizeof digest) != 0)
        return hth_part_forget(s->part, i, err); /* to be made again */
    HTH_TRY(read_kept(s, q, NULL, err));
    q->piece = known;
    *kept = true;
    return HTH_OK;
}

static HthStatus do_tensor(Sink *s, size_t i, HthErr *err) {
    HthQuantTensor *q = &s->job->tensors[i];
    bool kept;
    HTH_ASSERT(s->at == q->at);
    HTH_TRY(keep_tensor(s, i, &kept, err));
    if (!kept) {
        q->piece = (HthPiece){ 0 };
        HTH_TRY(hth_hash_begin(&s->piece, HTH_SHA256, err));
        const bool as_is = q->to == q->from->fmt && q->shift == NULL;
        HTH_TRY(as_is ? copy_tensor(s, q, err) : quantise_tensor(s, q, err));
        hth_hash_end(&s->piece, q->piece.sha256);
        if (s->part != NULL) HTH_TRY(hth_part_done(s->part, &q->piece, err));
    }
    hth_file_let_go(hth_gguf_part_map(s->job->g, q->from->part), q->from->data, q->from->bytes);
    return put_zeros(s, q->pad, err);
}

HthStatus hth_quant_job_run(HthQuantJob *job, HthPart *part, HthErr *err) {
    Sink s = { .job = job, .part = part };
    HthStatus st = hth_hash_begin(&s.sha256, HTH_SHA256, err);
    if (st == HTH_OK) st = hth_hash_begin(&s.sha3, HTH_SHA3_256, err);
    if (st == HTH_OK) st = put(&s, job->head.p, job->head.n, err);
    for (size_t i = 0; st == HTH_OK && i < job->count; i++) st = do_tensor(&s, i, err);
    job->output.bytes = s.at;
    hth_hash_end(&s.piece, NULL);
    hth_hash_end(&s.sha256, st == HTH_OK ? job->output.sha256 : NULL);
    hth_hash_end(&s.sha3, st == HTH_OK ? job->output.sha3 : NULL);
    return st;
}
