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
#include "base/num.h"

enum { BATCH_BYTES = 4 << 20, BATCH_ROWS = 4096 };

typedef struct RowSum {
    double error, weight, worst;
    bool odd; /* a weight is not finite */
} RowSum;

typedef struct Batch {
    const HthQuantTensor *q;
    uint64_t first; /* row */
    size_t from_bytes, to_bytes; /* of a row */
    uint8_t *to;
    float *floats; /* [threads][2][row] */
    RowSum *sums; /* [BATCH_ROWS] */
} Batch;

static void one_row(void *ctx, uint32_t item, uint32_t worker) {
    const Batch *b = ctx;
    const HthGgufTensor *from = b->q->from;
    const size_t n = from->ne[0];
    float *in = b->floats + 2 * n * worker, *back = in + n;
    uint8_t *to = b->to + item * b->to_bytes;
    RowSum s = { 0 };
    from->fmt->dequant(from->data + (b->first + item) * b->from_bytes, in, n);
    for (size_t i = 0; i < n; i++) s.odd |= !isfinite(in[i]);
    if (!s.odd) {
        b->q->to->quant(in, to, n);
        b->q->to->dequant(to, back, n);
        for (size_t i = 0; i < n; i++) {
            const double off = (double)back[i] - in[i];
            s.error += off * off;
            s.weight += (double)in[i] * in[i];
            if (fabs(off) > s.worst) s.worst = fabs(off);
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

static HthStatus put(Sink *s, const void *bytes, size_t n, HthErr *err) {
    if (s->part != NULL) HTH_TRY(hth_part_write(s->part, s->at, bytes, n, err));
    count_in(s, bytes, n);
    return hth_quant_tell(s->job->opt, "quantising", s->at, s->job->out_bytes, err);
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
    Batch b = { .q = q,
                .from_bytes = hth_fmt_row_bytes(q->from->fmt, row),
                .to_bytes = hth_fmt_row_bytes(q->to, row) };
    const size_t room = b.to_bytes > BATCH_BYTES ? b.to_bytes : BATCH_BYTES;
    size_t floats = 0;
    HTH_REQUIRE(!hth_mul_over(row, 2 * (size_t)hth_pool_threads(s->job->pool), &floats), err,
                HTH_ELIMIT, "a row is too long");
    b.to = hth_calloc(room, 1);
    b.floats = hth_calloc(floats, sizeof *b.floats);
    b.sums = hth_calloc(BATCH_ROWS, sizeof *b.sums);
    HthStatus st = b.to != NULL && b.floats != NULL && b.sums != NULL
                       ? batches(s, q, &b, rows, err)
                       : HTH_FAIL(err, HTH_ENOMEM, "out of memory");
    hth_free(b.to);
    hth_free(b.floats);
    hth_free(b.sums);
    return st;
}

/* Whether an earlier run's bytes of tensor i are whole: then they count, and *kept says so. */
static HthStatus keep_tensor(Sink *s, size_t i, bool *kept, HthErr *err) {
    HthQuantTensor *q = &s->job->tensors[i];
    uint8_t digest[HTH_HASH_BYTES];
    HthPiece known;
    *kept = false;
    if (s->part == NULL || !hth_part_known(s->part, i, &known)) return HTH_OK;
    uint8_t *bytes = hth_calloc(1 << 20, 1);
    HTH_REQUIRE(bytes != NULL, err, HTH_ENOMEM, "out of memory");
    HthHash h = { 0 };
    HthStatus st = hth_hash_begin(&h, HTH_SHA256, err);
    /* Twice: a digest that is wrong must not have entered that of the whole. */
    for (int pass = 0; pass < 2 && st == HTH_OK; pass++) {
        for (size_t at = 0; at < q->bytes && st == HTH_OK;) {
            const size_t n = q->bytes - at < (1 << 20) ? q->bytes - at : 1 << 20;
            st = hth_part_read(s->part, q->at + at, bytes, n, NULL);
            if (st == HTH_OK && pass == 0) hth_hash_add(&h, bytes, n);
            if (st == HTH_OK && pass == 1) count_in(s, bytes, n);
            at += n;
        }
        if (pass == 1) break;
        hth_hash_end(&h, st == HTH_OK ? digest : NULL);
        if (st != HTH_OK || memcmp(digest, known.sha256, sizeof digest) != 0) {
            hth_free(bytes);
            return hth_part_forget(s->part, i, err); /* to be made again */
        }
        q->piece = known;
        *kept = true;
    }
    hth_free(bytes);
    HTH_REQUIRE(st == HTH_OK, err, HTH_EIO, "what was written already cannot be read");
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
        HTH_TRY(q->to == q->from->fmt ? copy_tensor(s, q, err) : quantise_tensor(s, q, err));
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
