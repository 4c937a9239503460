/* exec_test.c - every operation, run by the executor over small hand-made programs, against the
 * definition in doubles.
 *
 * Thread: one, and a pool. */
#include "support/test.h"

#include <math.h>

#include "base/rng.h"
#include "op/exec.h"

enum { ROWS = 5, VOCAB = 11, DIM = 12, HEADS = 6, KV_HEADS = 2, DK = 2, DV = 3, OUT = 40 };

typedef struct World {
    HthProgram p;
    HthInst inst[16];
    HthWeight w[16];
    float data[16][OUT * OUT], bias[OUT], scale[1];
    double freq[DK / 2];
    HthPool *pool;
    HthExec *exec;
    HthKvView view;
    uint8_t *page[3];
    float out[ROWS * OUT];
} World;

static double value(uint64_t stream, uint64_t i) {
    return hth_rng_f64(21, stream, i) * 2 - 1;
}

static HthWeight *matrix(World *w, int i, uint32_t rows, uint32_t cols) {
    for (uint32_t k = 0; k < rows * cols; k++) w->data[i][k] = (float)value((uint64_t)i, k);
    w->w[i] = (HthWeight){ .name = "w", .fmt = hth_fmt_by_name("F32"), .rows = rows, .cols = cols };
    w->w[i].data = (const uint8_t *)w->data[i];
    w->w[i].row_bytes = cols * sizeof(float);
    return &w->w[i];
}

static HthWeight *vector(World *w, int i, uint32_t rows) {
    matrix(w, i, rows, 1);
    w->w[i].fmt = NULL;
    w->w[i].vec = w->data[i];
    return &w->w[i];
}

static HthInst *add(World *w, HthOpCode op, HthReg dst, HthReg a, HthReg b,
                    const HthWeight *weight) {
    HthInst *in = &w->inst[w->p.count++];
    *in = (HthInst){ .op = op, .dst = dst, .a = a, .b = b, .w = weight };
    for (uint32_t i = 0; i + 1 < w->p.count; i++) {
        if (w->inst[i].dst == a) in->a_width = w->inst[i].dst_width;
        if (w->inst[i].dst == b) in->b_width = w->inst[i].dst_width;
    }
    in->dst_width = op == HTH_OP_LINEAR  ? weight->rows
                    : op == HTH_OP_EMBED ? weight->cols
                                         : in->a_width;
    return in;
}

static World *begin(void) {
    World *w = hth_calloc(1, sizeof *w);
    assert_non_null(w);
    w->p = (HthProgram){ .inst = w->inst, .n_layer = 1, .n_embd = DIM, .n_head = HEADS };
    w->p.n_head_kv = KV_HEADS;
    w->p.head_dim = DK;
    w->p.head_dim_v = DV;
    w->p.norm_eps = 0.01f;
    w->p.attn_scale = 0.7f;
    w->p.n_rot = DK;
    w->freq[0] = 0.3;
    w->p.ropes = 1;
    w->p.rope_freq[0] = w->freq;
    w->p.rope_mscale[0] = 1.5f;
    add(w, HTH_OP_EMBED, HTH_R_X, HTH_R_NONE, HTH_R_NONE, matrix(w, 0, VOCAB, DIM));
    return w;
}

static double embedded(const World *w, uint32_t row, uint32_t i) {
    return (double)w->data[0][(row * 3 % VOCAB) * DIM + i];
}

/* Ends with logits = identity * reg, runs rows at positions from `first`, keeps all in w->out. */
static void run(World *w, HthReg reg, uint32_t threads, uint32_t first) {
    HthErr err = { 0 };
    uint32_t ids[ROWS], pos[ROWS], out[ROWS], width = 0;
    const HthKvView *kv[ROWS];
    for (uint32_t i = 0; i < w->p.count; i++)
        if (w->inst[i].dst == reg) width = w->inst[i].dst_width;
    HthWeight *one = matrix(w, 15, width, width);
    for (uint32_t i = 0; i < width * width; i++) w->data[15][i] = i % (width + 1) == 0;
    w->p.wanted = w->p.count;
    w->p.n_vocab = width;
    add(w, HTH_OP_LINEAR, HTH_R_LOGITS, reg, HTH_R_NONE, one);
    for (uint32_t r = 0; r < ROWS; r++) {
        ids[r] = r * 3 % VOCAB;
        pos[r] = first + r;
        out[r] = r;
        kv[r] = &w->view;
    }
    assert_ok(hth_plan_registers(&w->p, &err), err);
    assert_ok(hth_pool_open(&w->pool, threads, &err), err);
    assert_ok(hth_exec_open(&w->exec, &w->p, hth_kern_at(0), w->pool, ROWS, 3, &err), err);
    HthBatch b = { .n = ROWS, .ids = ids, .pos = pos, .kv = kv, .n_out = ROWS, .out = out };
    b.logits = w->out;
    hth_exec_run(w->exec, &b);
}

static void end(World *w) {
    hth_exec_close(&w->exec);
    hth_pool_close(&w->pool);
    for (int i = 0; i < 3; i++) hth_free(w->page[i]);
    hth_free(w);
}

static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-5 * (1 + fabs(want)))) fail_msg("%.9g, wanted %.9g", got, want);
}

static void embed_and_add(void **state) {
    (void)state;
    World *w = begin();
    add(w, HTH_OP_ADD, HTH_R_H, HTH_R_X, HTH_R_X, NULL);
    run(w, HTH_R_H, 1, 0);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t i = 0; i < DIM; i++) near(w->out[r * DIM + i], 2 * embedded(w, r, i));
    end(w);
}

/* order 0: no scale; 1: scale, then bias; 2: bias, then scale. */
static void linear_one(int order, bool bias, uint32_t threads) {
    World *w = begin();
    HthWeight *m = matrix(w, 1, OUT, DIM);
    for (uint32_t i = 0; i < OUT; i++) w->bias[i] = (float)value(77, i);
    w->scale[0] = 1.75f;
    if (bias) m->bias = w->bias;
    if (order) m->scale = w->scale;
    m->scale_last = order == 2;
    add(w, HTH_OP_LINEAR, HTH_R_G, HTH_R_X, HTH_R_NONE, m);
    add(w, HTH_OP_LINEAR, HTH_R_U, HTH_R_X, HTH_R_NONE, matrix(w, 2, OUT, DIM)); /* a group */
    add(w, HTH_OP_ADD, HTH_R_G, HTH_R_G, HTH_R_U, NULL);
    run(w, HTH_R_G, threads, 0);
    assert_int_equal(w->inst[1].group, 2);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t o = 0; o < OUT; o++) {
            double a = 0, b = 0;
            for (uint32_t i = 0; i < DIM; i++) {
                a += (double)w->data[1][o * DIM + i] * embedded(w, r, i);
                b += (double)w->data[2][o * DIM + i] * embedded(w, r, i);
            }
            double add_bias = bias ? (double)w->bias[o] : 0;
            double want = order == 0   ? a + add_bias
                          : order == 1 ? a * 1.75 + add_bias
                                       : (a + add_bias) * 1.75;
            near(w->out[r * OUT + o], want + b);
        }
    end(w);
}

static void linear(void **state) {
    (void)state;
    for (int order = 0; order < 3; order++) {
        linear_one(order, false, 1);
        linear_one(order, true, 3);
    }
}

static void norms(void **state) {
    (void)state;
    for (int heads = 0; heads < 2; heads++) {
        World *w = begin();
        uint32_t width = heads ? 4 : DIM;
        add(w, heads ? HTH_OP_HEADNORM : HTH_OP_RMSNORM, HTH_R_H, HTH_R_X, HTH_R_NONE,
            vector(w, 1, width));
        run(w, HTH_R_H, 1, 0);
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t i = 0; i < DIM; i++) {
                double ss = 0;
                for (uint32_t k = 0; k < width; k++)
                    ss += pow(embedded(w, r, i / width * width + k), 2);
                near(w->out[r * DIM + i],
                     embedded(w, r, i) / sqrt(ss / width + 0.01) * (double)w->data[1][i % width]);
            }
        end(w);
    }
}

static void unit_headnorm(void **state) {
    (void)state;
    World *w = begin();
    add(w, HTH_OP_UNIT_HEADNORM, HTH_R_X, HTH_R_X, HTH_R_NONE, NULL)->part = 4;
    run(w, HTH_R_X, 2, 0);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t i = 0; i < DIM; i++) {
            double ss = 0;
            for (uint32_t k = 0; k < 4; k++) ss += pow(embedded(w, r, i / 4 * 4 + k), 2);
            near(w->out[r * DIM + i], embedded(w, r, i) / sqrt(ss / 4 + 0.01));
        }
    end(w);
}

/* Positions from 97 on: counted from 1, the third is a hundred. */
static void temper(void **state) {
    (void)state;
    World *w = begin();
    w->p.temper = 0.1f;
    w->p.temper_floor = 50;
    w->p.temper_offset = 1;
    add(w, HTH_OP_TEMPER, HTH_R_X, HTH_R_X, HTH_R_NONE, NULL);
    run(w, HTH_R_X, 1, 97);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t i = 0; i < DIM; i++)
            near(w->out[r * DIM + i],
                 embedded(w, r, i) * (1 + 0.1 * log(97 + r + 1 < 100 ? 2.0 : 3.0)));
    end(w);
}

static void swiglu(void **state) {
    (void)state;
    World *w = begin();
    add(w, HTH_OP_LINEAR, HTH_R_G, HTH_R_X, HTH_R_NONE, matrix(w, 1, DIM, DIM));
    add(w, HTH_OP_SWIGLU, HTH_R_G, HTH_R_G, HTH_R_X, NULL);
    run(w, HTH_R_G, 1, 0);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t o = 0; o < DIM; o++) {
            double g = 0;
            for (uint32_t i = 0; i < DIM; i++)
                g += (double)w->data[1][o * DIM + i] * embedded(w, r, i);
            near(w->out[r * DIM + o], g / (1 + exp(-g)) * embedded(w, r, o));
        }
    end(w);
}

static void rope(void **state) {
    (void)state;
    World *w = begin();
    add(w, HTH_OP_ROPE, HTH_R_X, HTH_R_X, HTH_R_NONE, NULL);
    run(w, HTH_R_X, 1, 100);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t h = 0; h < DIM; h += 2) {
            double t = (100 + r) * 0.3, a = embedded(w, r, h), b = embedded(w, r, h + 1);
            near(w->out[r * DIM + h], 1.5 * (a * cos(t) - b * sin(t)));
            near(w->out[r * DIM + h + 1], 1.5 * (a * sin(t) + b * cos(t)));
        }
    end(w);
}

/* Keys and values of earlier positions are put into the pages by hand. */
static double cached(uint32_t which, uint32_t pos, uint32_t head, uint32_t i) {
    return (double)(float)value(40 + which, (pos * 8ull + head) * 8 + i);
}

static void fill_cache(World *w, uint32_t first) {
    HthErr err = { 0 };
    HthKvLayout l;
    assert_ok(hth_kv_layout(&l, HTH_KV_F32, 1, KV_HEADS, DK, DV, &err), err);
    for (int i = 0; i < 3; i++) w->page[i] = hth_calloc_aligned(l.page_bytes, 1);
    w->view = (HthKvView){ .layout = l, .pages = w->page };
    for (uint32_t p = 0; p < first; p++)
        for (uint32_t h = 0; h < KV_HEADS; h++) {
            float k[DK], v[DV];
            for (uint32_t i = 0; i < DK; i++) k[i] = (float)cached(0, p, h, i);
            for (uint32_t i = 0; i < DV; i++) v[i] = (float)cached(1, p, h, i);
            hth_kv_put_key(l.type, DK, k, hth_kv_keys(&w->view, 0, h, p), p % HTH_PAGE_LEN);
            hth_kv_put_value(l.type, DV, v, hth_kv_values(&w->view, 0, h, p), p % HTH_PAGE_LEN);
        }
}

static const float slopes[HEADS] = { 0.5f, 0.25f, 0.125f, 0.0625f, 0.7f, 0.3f };

/* Definition: row r of the batch at position first + r sees the cache and rows 0..r, with chunks
 * only what is in its own, or where texts are whole all rows, but not what is further than half a
 * window; with slopes the less the further away. */
static double attended(const World *w, uint32_t first, uint32_t r, uint32_t h, uint32_t d,
                       const float *sinks) {
    uint32_t kh = h / (HEADS / KV_HEADS);
    double sum = sinks ? exp((double)sinks[h]) : 0, out = 0;
    const uint32_t chunk = w->inst[3].chunked ? w->inst[3].window : 0;
    const uint32_t last = w->p.whole ? first + ROWS - 1 : first + r;
    for (uint32_t p = chunk ? (first + r) / chunk * chunk : 0; p <= last; p++) {
        const double away = fabs((double)(first + r) - (double)p);
        double s = 0, v = 0;
        if (w->p.whole && w->inst[3].window && away > w->inst[3].window / 2) continue;
        for (uint32_t i = 0; i < DK; i++) {
            double k = p < first ? cached(0, p, kh, i) : embedded(w, p - first, kh * DK + i);
            s += embedded(w, r, h * DK + i) * k;
        }
        if (p < first)
            v = cached(1, p, kh, d);
        else
            for (uint32_t i = 0; i < DIM; i++)
                v += (double)w->data[1][(kh * DV + d) * DIM + i] * embedded(w, p - first, i);
        s *= 0.7;
        if (w->p.slopes) s -= (double)slopes[h] * away;
        sum += exp(s);
        out += exp(s) * v;
    }
    return out / sum;
}

static void attention(void **state) {
    (void)state;
    static const uint32_t firsts[] = { 0, 62, 64, 130 }; /* rows cross page borders */
    enum {
        PLAIN,
        SINKS,
        SLOPES,
        BEFORE,
        WHOLE,
        WHOLE_SLOPES,
        WHOLE_WINDOW,
        CHUNKED,
        KINDS = CHUNKED + 5
    };
    static const uint32_t chunks[] = { 2, 3, 64, 65, 400 };
    for (size_t k = 0; k < KINDS * HTH_COUNT(firsts); k++) {
        const uint32_t first = firsts[k / KINDS], kind = k % KINDS;
        const bool sinks = kind == SINKS;
        World *w = begin();
        w->p.whole = kind >= WHOLE && kind < CHUNKED;
        if (kind == SLOPES || kind == WHOLE_SLOPES) w->p.slopes = slopes;
        fill_cache(w, first);
        HthWeight *take = matrix(w, 2, KV_HEADS * DK, DIM); /* the first columns of x */
        for (uint32_t i = 0; i < KV_HEADS * DK * DIM; i++) w->data[2][i] = i % (DIM + 1) == 0;
        add(w, HTH_OP_LINEAR, HTH_R_K, HTH_R_X, HTH_R_NONE, take);
        add(w, HTH_OP_LINEAR, HTH_R_V, HTH_R_X, HTH_R_NONE, matrix(w, 1, KV_HEADS * DV, DIM));
        HthInst *in = add(w, HTH_OP_ATTEND, HTH_R_H, HTH_R_X, HTH_R_K, NULL);
        if (sinks) {
            in->op = HTH_OP_ATTEND_SINKS;
            in->w = vector(w, 3, HEADS);
            w->data[3][1] = 9; /* above every score */
        }
        in->chunked = kind >= CHUNKED;
        if (in->chunked) in->window = chunks[kind - CHUNKED];
        if (kind == WHOLE_WINDOW) in->window = 5;
        in->c = HTH_R_V;
        in->c_width = KV_HEADS * DV;
        in->dst_width = HEADS * DV;
        if (kind == BEFORE) { /* once more, reading what is stored already */
            add(w, HTH_OP_SILU, HTH_R_H, HTH_R_H, HTH_R_NONE, NULL);
            add(w, HTH_OP_ATTEND_BEFORE, HTH_R_H, HTH_R_X, HTH_R_NONE, NULL)->dst_width =
                HEADS * DV;
        }
        run(w, HTH_R_H, 2, first);
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t h = 0; h < HEADS; h++)
                for (uint32_t d = 0; d < DV; d++)
                    near(w->out[(r * HEADS + h) * DV + d],
                         attended(w, first, r, h, d, sinks ? w->data[3] : NULL));
        end(w);
    }
}

/* The third of three parts of four, times a number. */
static void layer_part(void **state) {
    (void)state;
    World *w = begin();
    HthInst *in = add(w, HTH_OP_LAYER_PART, HTH_R_H, HTH_R_X, HTH_R_NONE, NULL);
    in->dst_width = in->part = 4;
    in->layer = 2;
    add(w, HTH_OP_WEIGH, HTH_R_H, HTH_R_H, HTH_R_NONE, vector(w, 1, 1));
    run(w, HTH_R_H, 2, 0);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t i = 0; i < 4; i++)
            near(w->out[r * 4 + i], embedded(w, r, 8 + i) * (double)w->data[1][0]);
    end(w);
}

static void clamp(void **state) {
    (void)state;
    World *w = begin();
    add(w, HTH_OP_CLAMP, HTH_R_H, HTH_R_X, HTH_R_NONE, NULL)->arg = 0.5f;
    run(w, HTH_R_H, 2, 0);
    uint32_t bounded = 0;
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t i = 0; i < DIM; i++) {
            const double x = embedded(w, r, i);
            near((double)w->out[r * DIM + i], fmax(-0.5, fmin(0.5, x)));
            bounded += fabs(x) > 0.5;
        }
    assert_true(bounded > 5 && bounded < ROWS * DIM - 5);
    end(w);
}

/* What scores are made of, and a row by another name. */
static void scores(void **state) {
    (void)state;
    World *w = begin();
    add(w, HTH_OP_TYPE, HTH_R_H, HTH_R_X, HTH_R_NONE, matrix(w, 1, 2, DIM));
    add(w, HTH_OP_COPY, HTH_R_Q, HTH_R_H, HTH_R_NONE, NULL);
    add(w, HTH_OP_TANH, HTH_R_G, HTH_R_Q, HTH_R_NONE, NULL);
    add(w, HTH_OP_SOFTMAX, HTH_R_U, HTH_R_G, HTH_R_NONE, NULL);
    add(w, HTH_OP_ADD, HTH_R_K, HTH_R_U, HTH_R_H, NULL); /* what was copied is still there */
    run(w, HTH_R_K, 2, 3);
    for (uint32_t r = 0; r < ROWS; r++) {
        double sum = 0;
        for (uint32_t i = 0; i < DIM; i++)
            sum += exp(tanh(embedded(w, r, i) + (double)w->data[1][i]));
        for (uint32_t i = 0; i < DIM; i++) {
            const double x = embedded(w, r, i) + (double)w->data[1][i];
            near((double)w->out[r * DIM + i], exp(tanh(x)) / sum + x);
        }
    }
    end(w);
}

/* A program may end with them: the rows are the caller's. */
static void ends(void **state) {
    (void)state;
    static const HthOpCode ops[] = { HTH_OP_COPY, HTH_OP_TANH, HTH_OP_SOFTMAX };
    for (size_t k = 0; k < HTH_COUNT(ops); k++) {
        World *w = begin();
        run(w, HTH_R_X, 2, 0); /* ends with a product; then with this */
        w->inst[1] = (HthInst){ .op = ops[k], .dst = HTH_R_LOGITS, .a = HTH_R_X };
        w->inst[1].a_width = w->inst[1].dst_width = DIM;
        w->inst[1].a_at = w->inst[0].dst_at;
        static float hidden[ROWS * DIM], out[ROWS * DIM];
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t i = 0; i < DIM; i++) hidden[r * DIM + i] = (float)embedded(w, r, i);
        hth_exec_head(w->exec, hidden, ROWS, NULL, out);
        for (uint32_t r = 0; r < ROWS; r++) {
            double sum = 0;
            for (uint32_t i = 0; i < DIM; i++) sum += exp(embedded(w, r, i));
            for (uint32_t i = 0; i < DIM; i++) {
                const double x = embedded(w, r, i);
                near((double)out[r * DIM + i], k == 0 ? x : k == 1 ? tanh(x) : exp(x) / sum);
            }
        }
        end(w);
    }
}

/* In two halves, the second in pieces: the bits of one run. */
static void hidden_and_head(void **state) {
    (void)state;
    World *w = begin();
    add(w, HTH_OP_ADD, HTH_R_H, HTH_R_X, HTH_R_X, NULL);
    run(w, HTH_R_H, 2, 0);
    static float hidden[ROWS * OUT], out[ROWS * OUT];
    uint32_t ids[ROWS], pos[ROWS], want[2] = { 1, 4 };
    const HthKvView *kv[ROWS];
    for (uint32_t r = 0; r < ROWS; r++) {
        ids[r] = r * 3 % VOCAB;
        pos[r] = r;
        kv[r] = &w->view;
    }
    HthBatch b = { .n = ROWS, .ids = ids, .pos = pos, .kv = kv, .n_out = 2, .out = want };
    b.hidden = hidden;
    hth_exec_run(w->exec, &b);
    for (uint32_t r = 0; r < 2; r++)
        for (uint32_t i = 0; i < DIM; i++)
            near((double)hidden[r * DIM + i], 2 * embedded(w, want[r], i));
    for (uint32_t r = 0; r < 2; r++) {
        hth_exec_head(w->exec, hidden + r * DIM, 1, NULL, out);
        assert_floats_same(out, w->out + want[r] * DIM, DIM);
    }
    hth_exec_head(w->exec, hidden, 2, NULL, out);
    for (uint32_t r = 0; r < 2; r++) assert_floats_same(out + r * DIM, w->out + want[r] * DIM, DIM);
    b.logits = out; /* both at once */
    memset(out, 0, sizeof out);
    hth_exec_run(w->exec, &b);
    for (uint32_t r = 0; r < 2; r++) assert_floats_same(out + r * DIM, w->out + want[r] * DIM, DIM);
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embed_and_add),
        cmocka_unit_test(linear),
        cmocka_unit_test(norms),
        cmocka_unit_test(swiglu),
        cmocka_unit_test(rope),
        cmocka_unit_test(attention),
        cmocka_unit_test(hidden_and_head),
        cmocka_unit_test(clamp),
        cmocka_unit_test(layer_part),
        cmocka_unit_test(unit_headnorm),
        cmocka_unit_test(temper),
        cmocka_unit_test(scores),
        cmocka_unit_test(ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
