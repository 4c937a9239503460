/* mkmodel_bank.c - rows for large models: encoded once, laid out many times.
 *
 * Encoding is what a large model costs, so a bank of BANK_ROWS rows is encoded for every different
 * (format, row length, standard deviation), on all cores, and row r of a tensor is
 *     bank row  rng(seed, stream of the tensor, 2 r) mod BANK_ROWS,
 *     its blocks rotated by  rng(seed, stream of the tensor, 2 r + 1) mod blocks.
 * The bytes are those of a model of noise in every respect that a reader of memory or a multiplier
 * can notice; they depend on the seed only, not on the number of cores.
 *
 * Thread: one; encoding forks. */
#include "mkmodel.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"
#include "base/rng.h"

enum { BANK_ROWS = 1024, ITEM_ROWS = 16, BANKS_MAX = 64, PIECE_BYTES = 1 << 20 };
#define STREAM_BANKS ((uint64_t)0x62616e6b << 32)

typedef struct Bank {
    const HthFmt *fmt;
    uint64_t cols;
    double sd;
    size_t row_bytes;
    uint8_t *rows; /* [BANK_ROWS][row_bytes] */
} Bank;

struct HthMkBanks {
    HthPool *pool;
    uint64_t seed;
    uint32_t n;
    Bank bank[BANKS_MAX];
    uint8_t *piece; /* [PIECE_BYTES], or one row if that is more */
    size_t piece_bytes;
};

HthStatus hth_mkmodel_banks_open(HthMkBanks **out, uint64_t seed, HthErr *err) {
    HthMkBanks *b = hth_calloc(1, sizeof *b);
    HTH_REQUIRE(b != NULL, err, HTH_ENOMEM, "out of memory");
    b->seed = seed;
    HthStatus status = hth_pool_open(&b->pool, 0, err);
    if (status == HTH_OK)
        *out = b;
    else
        hth_mkmodel_banks_close(&b);
    return status;
}

void hth_mkmodel_banks_close(HthMkBanks **banks) {
    HthMkBanks *b = *banks;
    if (b == NULL) return;
    for (uint32_t i = 0; i < b->n; i++) hth_free(b->bank[i].rows);
    hth_free(b->piece);
    hth_pool_close(&b->pool);
    hth_free(b);
    *banks = NULL;
}

/* ---- encoding ---- */

typedef struct Job {
    const Bank *bank;
    uint64_t seed, stream;
    float *floats; /* [workers][cols] */
} Job;

/* One row of normal noise: four 16-bit uniforms make one value, nearly enough normal; two values
 * from one block of the generator. */
static void fill(const Job *j, uint64_t row, float *out) {
    const float scale = (float)(j->bank->sd * sqrt(3.0) / 65536.0);
    for (uint64_t c = 0; c < j->bank->cols; c += 2) {
        uint32_t w[4];
        hth_rng_block(j->seed, j->stream, (row * j->bank->cols + c) / 2, w);
        for (uint64_t k = 0; k < 2 && c + k < j->bank->cols; k++) {
            uint32_t a = w[2 * k], b = w[2 * k + 1];
            int32_t sum = (int32_t)((a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16));
            out[c + k] = scale * (float)(sum - 2 * 65535);
        }
    }
}

static void encode(void *ctx, uint32_t item, uint32_t worker) {
    const Job *j = ctx;
    float *row = j->floats + worker * j->bank->cols;
    for (uint32_t r = item * ITEM_ROWS; r < (item + 1) * ITEM_ROWS; r++) {
        fill(j, r, row);
        j->bank->fmt->quant(row, j->bank->rows + r * j->bank->row_bytes, j->bank->cols);
    }
}

static HthStatus find(HthMkBanks *b, const HthFmt *fmt, uint64_t cols, double sd, const Bank **out,
                      HthErr *err) {
    for (uint32_t i = 0; i < b->n; i++) {
        *out = &b->bank[i];
        if ((*out)->fmt == fmt && (*out)->cols == cols && (*out)->sd == sd) return HTH_OK;
    }
    HTH_REQUIRE(b->n < BANKS_MAX, err, HTH_ELIMIT, "more than %d kinds of rows", BANKS_MAX);
    Bank bank = { fmt, cols, sd, hth_fmt_row_bytes(fmt, cols), NULL };
    HTH_REQUIRE(bank.row_bytes > 0, err, HTH_EINVAL,
                "rows of %llu weights are not a multiple of %s's block of %u",
                (unsigned long long)cols, fmt->name, fmt->block_len);
    float *floats = hth_calloc_aligned(hth_pool_threads(b->pool) * cols, sizeof *floats);
    bank.rows = hth_calloc_aligned(BANK_ROWS, bank.row_bytes);
    if (floats == NULL || bank.rows == NULL) {
        hth_free(floats);
        hth_free(bank.rows);
        return HTH_FAIL(err, HTH_ENOMEM, "out of memory for a bank of rows");
    }
    Job job = { &bank, b->seed, STREAM_BANKS + b->n, floats };
    hth_par_run(b->pool, BANK_ROWS / ITEM_ROWS, encode, &job);
    hth_free(floats);
    b->bank[b->n] = bank;
    *out = &b->bank[b->n++];
    return HTH_OK;
}

/* ---- laying out ---- */

static HthStatus reserve(HthMkBanks *b, size_t bytes, HthErr *err) {
    if (bytes <= b->piece_bytes) return HTH_OK;
    uint8_t *more = hth_realloc(b->piece, bytes, 1);
    HTH_REQUIRE(more != NULL, err, HTH_ENOMEM, "out of memory for a row");
    b->piece = more;
    b->piece_bytes = bytes;
    return HTH_OK;
}

HthStatus hth_mkmodel_banks_write(HthMkBanks *b, HthGgufOut *o, const HthFmt *fmt, uint64_t cols,
                                  uint64_t rows, double sd, uint64_t stream, HthErr *err) {
    const Bank *bank = NULL;
    HTH_TRY(find(b, fmt, cols, sd, &bank, err));
    const size_t bytes = bank->row_bytes;
    const uint32_t blocks = (uint32_t)(cols / fmt->block_len);
    HTH_TRY(reserve(b, bytes > PIECE_BYTES ? bytes : PIECE_BYTES, err));
    size_t n = 0;
    for (uint64_t r = 0; r < rows; r++) {
        uint32_t from = hth_rng_below(b->seed, stream, 2 * r, BANK_ROWS);
        uint32_t by = hth_rng_below(b->seed, stream, 2 * r + 1, blocks);
        const uint8_t *src = bank->rows + from * bytes;
        size_t cut = (size_t)by * fmt->block_bytes;
        memcpy(b->piece + n, src + cut, bytes - cut);
        memcpy(b->piece + n + bytes - cut, src, cut);
        n += bytes;
        if (r + 1 < rows && b->piece_bytes - n >= bytes) continue;
        HTH_TRY(hth_gguf_out_data(o, b->piece, n, err));
        n = 0;
    }
    return HTH_OK;
}
