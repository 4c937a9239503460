/* experts_test.c - the operations of mixtures of experts and of latent attention, run by the
 * executor over small hand-made programs, against their definitions in doubles.
 *
 * Thread: one, and a pool. */
#include "support/test.h"

#include <math.h>
#include <sys/mman.h>

#include "base/rng.h"
#include "op/exec.h"

enum { ROWS = 6, VOCAB = 13, DIM = 20, FF = 35, EXPERTS_MAX = 7, PAGE = 4096, OUT = 64 };

typedef struct World {
    HthProgram p;
    HthInst inst[16];
    HthWeight w[16];
    float data[16][OUT * OUT], vec[16][EXPERTS_MAX * OUT];
    uint8_t *pages[3]; /* of experts: each has its own, so that it can be taken away */
    HthPool *pool;
    HthExec *exec;
    float out[ROWS * OUT];
} World;

static double value(uint64_t stream, uint64_t i) {
    return hth_rng_f64(33, stream, i) * 2 - 1;
}

static HthWeight *matrix(World *w, int i, uint32_t rows, uint32_t cols) {
    for (uint32_t k = 0; k < rows * cols; k++) w->data[i][k] = (float)value((uint64_t)i, k);
    w->w[i] = (HthWeight){ .name = "w", .fmt = hth_fmt_by_name("F32"), .rows = rows, .cols = cols };
    w->w[i].data = (const uint8_t *)w->data[i];
    w->w[i].row_bytes = cols * sizeof(float);
    return &w->w[i];
}

static HthWeight *vector(World *w, int i, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) w->vec[i][k] = (float)value(100 + (uint64_t)i, k);
    w->w[i] = (HthWeight){ .name = "v", .rows = n, .vec = w->vec[i] };
    return &w->w[i];
}

/* One matrix of count, on pages of its own; k-th of three. */
static HthWeight *each(World *w, int k, uint32_t rows, uint32_t cols, uint32_t count) {
    w->pages[k] = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(w->pages[k] != MAP_FAILED && rows * cols * sizeof(float) <= PAGE);
    HthWeight *m = &w->w[10 + k];
    *m = (HthWeight){ .name = "e", .fmt = hth_fmt_by_name("F32"), .rows = rows, .cols = cols };
    m->data = w->pages[k];
    m->row_bytes = cols * sizeof(float);
    m->count = count;
    m->step = PAGE;
    for (uint32_t e = 0; e < count; e++)
        for (uint32_t i = 0; i < rows * cols; i++)
            ((float *)(void *)(w->pages[k] + (size_t)e * PAGE))[i] =
                (float)value(200 + (uint64_t)k, (uint64_t)e * rows * cols + i);
    return m;
}

static double of(const World *w, int k, uint32_t e, uint32_t i) {
    return (double)((const float *)(const void *)(w->pages[k] + (size_t)e * PAGE))[i];
}

static HthInst *add(World *w, HthOpCode op, HthReg dst, HthReg a, HthReg b, const HthWeight *weight,
                    uint32_t width) {
    HthInst *in = &w->inst[w->p.count++];
    *in = (HthInst){ .op = op, .dst = dst, .a = a, .b = b, .w = weight, .dst_width = width };
    for (uint32_t i = 0; i + 1 < w->p.count; i++) {
        if (w->inst[i].dst == a) in->a_width = w->inst[i].dst_width;
        if (w->inst[i].dst == b) in->b_width = w->inst[i].dst_width;
    }
    return in;
}

static World *begin(void) {
    World *w = hth_calloc(1, sizeof *w);
    assert_non_null(w);
    w->p = (HthProgram){ .inst = w->inst, .n_layer = 1, .n_embd = DIM, .n_head = 1 };
    w->p.n_head_kv = w->p.ropes = 1;
    w->p.norm_eps = 0.01f;
    add(w, HTH_OP_EMBED, HTH_R_X, HTH_R_NONE, HTH_R_NONE, matrix(w, 0, VOCAB, DIM), DIM);
    return w;
}

static double embedded(const World *w, uint32_t row, uint32_t i) {
    return (double)w->data[0][(row * 5 % VOCAB) * DIM + i];
}

static void run(World *w, HthReg reg, uint32_t threads) {
    HthErr err = { 0 };
    uint32_t ids[ROWS], pos[ROWS], out[ROWS], width = 0;
    for (uint32_t i = 0; i < w->p.count; i++)
        if (w->inst[i].dst == reg) width = w->inst[i].dst_width;
    HthWeight *one = matrix(w, 15, width, width);
    for (uint32_t i = 0; i < width * width; i++) w->data[15][i] = i % (width + 1) == 0;
    w->p.wanted = 1;
    w->p.n_vocab = width;
    add(w, HTH_OP_LINEAR, HTH_R_LOGITS, reg, HTH_R_NONE, one, width);
    for (uint32_t r = 0; r < ROWS; r++) {
        ids[r] = r * 5 % VOCAB;
        pos[r] = out[r] = r;
    }
    assert_ok(hth_plan_registers(&w->p, &err), err);
    assert_ok(hth_pool_open(&w->pool, threads, &err), err);
    assert_ok(hth_exec_open(&w->exec, &w->p, hth_kern_at(0), w->pool, ROWS, 1, &err), err);
    HthBatch b = { .n = ROWS, .ids = ids, .pos = pos, .n_out = ROWS, .out = out };
    b.logits = w->out;
    hth_exec_run(w->exec, &b);
}

static void end(World *w) {
    for (int k = 0; k < 3; k++)
        if (w->pages[k]) munmap(w->pages[k], (size_t)w->w[10 + k].count * PAGE);
    hth_exec_close(&w->exec);
    hth_pool_close(&w->pool);
    hth_free(w);
}

static void near(double got, double want) {
    if (!(fabs(got - want) <= 2e-5 * (1 + fabs(want)))) fail_msg("%.9g, wanted %.9g", got, want);
}

static double dot(const World *w, int m, uint32_t row, const double *x, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += (double)w->data[m][row * n + i] * x[i];
    return sum;
}

/* The experts of a row, best first, and their weights: softmax over all. */
static void choose(const World *w, const double *x, uint32_t ids[], double weights[]) {
    const uint32_t n = w->p.router.n_expert;
    double s[EXPERTS_MAX], sum = 0;
    for (uint32_t e = 0; e < n; e++) sum += exp(s[e] = dot(w, 1, e, x, DIM));
    for (uint32_t k = 0; k < w->p.router.n_used; k++) {
        ids[k] = 0;
        for (uint32_t e = 1; e < n; e++)
            if (s[e] > s[ids[k]]) ids[k] = e;
        weights[k] = exp(s[ids[k]]) / sum;
        s[ids[k]] = -INFINITY;
    }
}

/* What expert e makes of x. */
static void expert(const World *w, uint32_t e, const double *x, double *y) {
    double g[FF];
    const bool more = w->w[10].bias != NULL;
    for (uint32_t r = 0; r < FF; r++) {
        double gate = 0, up = 0;
        for (uint32_t i = 0; i < DIM; i++) {
            gate += of(w, 0, e, r * DIM + i) * x[i];
            up += of(w, 1, e, r * DIM + i) * x[i];
        }
        if (more) gate = gate * (double)w->vec[3][e] + (double)w->vec[2][e * FF + r];
        g[r] = gate / (1 + exp(-gate)) * up;
    }
    for (uint32_t o = 0; o < DIM; o++) {
        y[o] = 0;
        for (uint32_t r = 0; r < FF; r++) y[o] += of(w, 2, e, o * FF + r) * g[r];
    }
}

/* The same experts, weighed before what they do or after. */
static void moe(uint32_t n, uint32_t used, uint32_t threads, bool more, bool before) {
    World *w = begin();
    bool wanted[EXPERTS_MAX] = { false };
    w->p.router = (HthRouter){ .n_expert = n, .n_used = used, .gate = HTH_EXPERTS_BY_SOFTMAX };
    w->p.router.groups = 1;
    HthWeight *gate = each(w, 0, FF, DIM, n), *none = vector(w, 4, 0);
    none->vec = NULL;
    if (more) gate->bias = vector(w, 2, n * FF)->vec;
    if (more) gate->scale = vector(w, 3, n)->vec;
    add(w, HTH_OP_LINEAR, HTH_R_R, HTH_R_X, HTH_R_NONE, matrix(w, 1, n, DIM), n);
    add(w, HTH_OP_ROUTE, HTH_R_R, HTH_R_R, HTH_R_NONE, none, used);
    const uint32_t wide = hth_rows_width(used, FF), out = hth_rows_width(used, DIM);
    const HthOpCode op = before ? HTH_OP_EXPERTS_EACH : HTH_OP_EXPERTS;
    const HthReg from = before ? HTH_R_S : HTH_R_X;
    if (before) add(w, HTH_OP_EXPERTS_SPREAD, HTH_R_S, HTH_R_X, HTH_R_R, NULL, out);
    add(w, op, HTH_R_G, from, HTH_R_R, gate, wide);
    add(w, op, HTH_R_U, from, HTH_R_R, each(w, 1, FF, DIM, n), wide);
    add(w, HTH_OP_SWIGLU, HTH_R_G, HTH_R_G, HTH_R_U, NULL, wide);
    add(w, HTH_OP_EXPERTS_EACH, HTH_R_G, HTH_R_G, HTH_R_R, each(w, 2, DIM, FF, n), out);
    if (before)
        add(w, HTH_OP_EXPERTS_ADD, HTH_R_S, HTH_R_G, HTH_R_NONE, NULL, DIM);
    else
        add(w, HTH_OP_EXPERTS_SUM, HTH_R_S, HTH_R_G, HTH_R_R, NULL, DIM);
    add(w, HTH_OP_ADD, HTH_R_X, HTH_R_X, HTH_R_S, NULL, DIM);
    double want[ROWS][DIM];
    for (uint32_t r = 0; r < ROWS; r++) {
        double x[DIM], y[DIM], weights[EXPERTS_MAX];
        uint32_t ids[EXPERTS_MAX];
        for (uint32_t i = 0; i < DIM; i++) want[r][i] = x[i] = embedded(w, r, i);
        choose(w, x, ids, weights);
        for (uint32_t k = 0; k < used; k++) {
            double weighed[DIM];
            wanted[ids[k]] = true;
            for (uint32_t i = 0; i < DIM; i++) weighed[i] = before ? weights[k] * x[i] : x[i];
            expert(w, ids[k], weighed, y);
            for (uint32_t i = 0; i < DIM; i++) want[r][i] += before ? y[i] : weights[k] * y[i];
        }
    }
    uint32_t idle = 0; /* whoever reads an expert that nobody chose dies of it */
    for (uint32_t e = 0; e < n; e++)
        for (int k = 0; k < 3 && !wanted[e]; k++, idle++)
            assert_int_equal(mprotect(w->pages[k] + (size_t)e * PAGE, PAGE, PROT_NONE), 0);
    if (n == EXPERTS_MAX && used == 1) assert_true(idle > 0);
    run(w, HTH_R_X, threads);
    assert_int_equal(w->inst[before ? 4 : 3].group, 2);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t i = 0; i < DIM; i++) near((double)w->out[r * DIM + i], want[r][i]);
    end(w);
}

static void experts(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {
        { 1, 1 }, { 3, 3 }, { EXPERTS_MAX, 1 }, { EXPERTS_MAX, 3 }, { 2, 1 }
    };
    for (size_t i = 0; i < HTH_COUNT(sizes); i++)
        for (uint32_t threads = 1; threads <= 3; threads += 2) {
            moe(sizes[i][0], sizes[i][1], threads, false, false);
            moe(sizes[i][0], sizes[i][1], threads, true, false);
            moe(sizes[i][0], sizes[i][1], threads, true, true);
        }
}

/* A head of 10: 6 become 9 by its own matrix, 4 stay. */
static void heads(void **state) {
    (void)state;
    enum { HEADS = 2, FROM = 10, COLS = 6, TO = 9, REST = FROM - COLS };
    World *w = begin();
    add(w, HTH_OP_HEADS, HTH_R_Q, HTH_R_X, HTH_R_NONE, each(w, 0, TO, COLS, HEADS),
        HEADS * (TO + REST));
    run(w, HTH_R_Q, 2);
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t h = 0; h < HEADS; h++)
            for (uint32_t o = 0; o < TO + REST; o++) {
                double want = o < TO ? 0 : embedded(w, r, h * FROM + COLS + o - TO);
                for (uint32_t i = 0; o < TO && i < COLS; i++)
                    want += of(w, 0, h, o * COLS + i) * embedded(w, r, h * FROM + i);
                near((double)w->out[(r * HEADS + h) * (TO + REST) + o], want);
            }
    end(w);
}

static void firstnorm(void **state) {
    (void)state;
    enum { FIRST = 13 };
    for (int in_place = 0; in_place < 2; in_place++) {
        World *w = begin();
        HthReg to = in_place ? HTH_R_X : HTH_R_H;
        add(w, HTH_OP_FIRSTNORM, to, HTH_R_X, HTH_R_NONE, vector(w, 1, FIRST), DIM);
        if (!in_place) add(w, HTH_OP_ADD, to, to, HTH_R_X, NULL, DIM);
        run(w, to, 1);
        for (uint32_t r = 0; r < ROWS; r++) {
            double ss = 0;
            for (uint32_t i = 0; i < FIRST; i++) ss += pow(embedded(w, r, i), 2);
            for (uint32_t i = 0; i < DIM; i++) {
                double x = embedded(w, r, i), y = x;
                if (i < FIRST) y = x / sqrt(ss / FIRST + 0.01) * (double)w->vec[1][i];
                near((double)w->out[r * DIM + i], in_place ? y : y + x);
            }
        }
        end(w);
    }
}

static void clamped_gates(void **state) {
    (void)state;
    World *w = begin();
    HthWeight *g = matrix(w, 1, DIM, DIM), *u = matrix(w, 2, DIM, DIM);
    for (uint32_t i = 0; i < DIM * DIM; i++) { /* far past both bounds */
        w->data[1][i] *= 8;
        w->data[2][i] *= 8;
    }
    add(w, HTH_OP_LINEAR, HTH_R_G, HTH_R_X, HTH_R_NONE, g, DIM);
    add(w, HTH_OP_LINEAR, HTH_R_U, HTH_R_X, HTH_R_NONE, u, DIM);
    add(w, HTH_OP_SWIGLU_CLAMPED, HTH_R_G, HTH_R_G, HTH_R_U, NULL, DIM);
    run(w, HTH_R_G, 1);
    uint32_t past = 0;
    for (uint32_t r = 0; r < ROWS; r++) {
        double x[DIM];
        for (uint32_t i = 0; i < DIM; i++) x[i] = embedded(w, r, i);
        for (uint32_t o = 0; o < DIM; o++) {
            double gate = dot(w, 1, o, x, DIM), up = dot(w, 2, o, x, DIM);
            past += (gate > 7) + (fabs(up) > 7);
            gate = fmin(gate, 7);
            up = fmax(fmin(up, 7), -7);
            near((double)w->out[r * DIM + o], gate / (1 + exp(-1.702 * gate)) * (up + 1));
        }
    }
    assert_true(past > 10);
    end(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experts),
        cmocka_unit_test(heads),
        cmocka_unit_test(firstnorm),
        cmocka_unit_test(clamped_gates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
