/* spoiled_test.c - 200 generated models, each spoiled once: 200 clear errors.
 *
 * Every architecture in turn, of shapes and formats drawn from a seed, and for each kind of damage:
 * cut off anywhere; two tensors exchanged; a number of the metadata made absurd; one bit flipped
 * anywhere.  The first three contradict themselves and opening says how.  A flipped bit may leave a
 * file that is a model: only its digest knows, so these lie in the store, as blobs do, and are
 * refused when the store looks at what it is about to load.  Run under sanitizers: nothing is read
 * that is not the file's.
 *
 * Thread: one. */
#include "support/test.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "crypt/hash.h"
#include "model/arch.h"
#include "model/model.h"
#include "serve/model_facts.h"
#include "support/folder.h"
#include "support/tiny.h"
#include "vault/store.h"

enum { MODELS = 200, SEED = 20 };
typedef enum Kind { CUT, EXCHANGED, ABSURD, FLIPPED, KINDS } Kind;
static const char *const kinds[KINDS] = { "cut off", "tensors exchanged", "absurd numbers",
                                          "a bit flipped" };

static uint32_t draw(uint64_t model, uint64_t what, uint32_t count) {
    return hth_rng_below(SEED, model, what, count);
}

static size_t arch_count(void) {
    size_t n = 0;
    while (hth_arch_at(n)) n++;
    return n;
}

/* The i-th model, whole, of a shape by seed. */
static void make(HthBuf *out, Tiny *c, uint64_t i, const char *arch) {
    static const char *const fmts[] = { NULL, "F16", "BF16", "Q8_0", "Q4_0", "Q5_1" };
    *c = (Tiny){ .arch = arch, .norm_fmt = draw(i, 0, 2) ? "F16" : NULL };
    c->layers = 1 + draw(i, 1, 4);
    c->heads = 2u << draw(i, 2, 2);
    c->kv_heads = c->heads >> draw(i, 3, 2);
    c->embd = 32 + 32 * draw(i, 4, 2);
    c->ff = 32 + 32 * draw(i, 5, 3);
    c->vocab = 40 + draw(i, 6, 60);
    c->ctx = 64;
    c->seed = i;
    c->window = 3;
    c->fmt = fmts[draw(i, 7, HTH_COUNT(fmts))];
    c->base = draw(i, 8, 2) ? 10000.0f : 0;
    c->every_key = draw(i, 9, 2);
    c->tied = draw(i, 10, 2);
    c->fused = strcmp(arch, "phi3") == 0;
    if (hth_arch_find(arch)->rank && draw(i, 11, 2)) c->pooling = 4;
    tiny_build(out, c);
}

static HthGguf *parse(const HthBuf *file) {
    HthErr err;
    HthGguf *g = NULL;
    assert_ok(hth_gguf_open_mem(&g, file->p, file->n, "whole", &err), err);
    return g;
}

static HthModel *open_whole(const HthBuf *file, const char *arch) {
    HthErr err;
    HthModel *m = NULL;
    if (hth_model_open_mem(&m, file->p, file->n, arch, &err) != HTH_OK)
        fail_msg("%s does not open before it is spoiled: %s", arch, err.text);
    return m;
}

/* ---- cut off: what is left ends before the last weight does -------------------------------- */

static void cut(HthBuf *file, uint64_t i) {
    HthGguf *g = parse(file);
    size_t end = 0;
    for (size_t t = 0; t < hth_gguf_tensor_count(g); t++) {
        const HthGgufTensor *one = hth_gguf_tensor_at(g, t);
        const size_t here = (size_t)((const char *)one->data - file->p) + one->bytes;
        if (here > end) end = here;
    }
    hth_gguf_close(&g);
    file->n = draw(i, 20, (uint32_t)end);
}

/* ---- two tensors exchanged ----------------------------------------------------------------- */

typedef struct Entry {
    HthStr name;
    uint32_t dims, fmt;
    uint64_t ne[4], at;
} Entry;
enum { NAMES, SHAPES, PLACES, ONE_PLACE, WAYS };

/* Would anybody notice? Names and shapes: not if both are alike; places: if the longer does not
 * fit where the shorter was. */
static bool differ(const HthModel *m, const HthGgufTensor *a, const HthGgufTensor *b, int way) {
    if (way == ONE_PLACE) return a != b;
    if (way == PLACES) return a->bytes > (b->bytes + 31) / 32 * 32;
    if (memcmp(a->ne, b->ne, sizeof a->ne) == 0 || (way == SHAPES && a->n_dims != b->n_dims))
        return false;
    return hth_model_uses(m, a) && hth_model_uses(m, b);
}

static void exchange_entries(Entry *a, Entry *b, int way) {
    const Entry was = *a;
    if (way == NAMES) {
        a->name = b->name;
        b->name = was.name;
    } else if (way == SHAPES) {
        memcpy(a->ne, b->ne, sizeof a->ne);
        memcpy(b->ne, was.ne, sizeof b->ne);
    } else {
        a->at = b->at;
        if (way == PLACES) b->at = was.at;
    }
}

/* The file again, with this list of tensors. */
static void rebuild(HthBuf *file, size_t head, size_t data, const Entry *list, size_t n) {
    HthBuf out;
    hth_buf_init(&out, TINY_MAX);
    tiny_put(&out, file->p, head);
    for (size_t t = 0; t < n; t++) {
        tiny_u64(&out, list[t].name.n);
        tiny_put(&out, list[t].name.p, list[t].name.n);
        tiny_u32(&out, list[t].dims);
        for (uint32_t d = 0; d < list[t].dims; d++) tiny_u64(&out, list[t].ne[d]);
        tiny_u32(&out, list[t].fmt);
        tiny_u64(&out, list[t].at);
    }
    while (out.n % 32) tiny_put(&out, "", 1);
    tiny_put(&out, file->p + data, file->n - data);
    hth_buf_drop(file);
    *file = out;
}

static void exchange(HthBuf *file, const char *arch, uint64_t i) {
    const int way = (int)(i / KINDS % WAYS);
    HthModel *m = open_whole(file, arch);
    const HthGguf *g = hth_model_gguf(m);
    const size_t n = hth_gguf_tensor_count(g);
    Entry *list = hth_calloc(n, sizeof *list);
    assert_non_null(list);
    size_t data = file->n;
    for (size_t t = 0; t < n; t++) {
        const size_t at = (size_t)((const char *)hth_gguf_tensor_at(g, t)->data - file->p);
        if (at < data) data = at;
    }
    for (size_t t = 0; t < n; t++) {
        const HthGgufTensor *one = hth_gguf_tensor_at(g, t);
        list[t] = (Entry){ .name = one->name, .dims = one->n_dims, .fmt = one->fmt->id };
        list[t].at = (size_t)((const char *)one->data - file->p) - data;
        memcpy(list[t].ne, one->ne, sizeof one->ne);
    }
    size_t a = 0, b = 0;
    for (uint32_t tries = 0; !differ(m, hth_gguf_tensor_at(g, a), hth_gguf_tensor_at(g, b), way);
         tries++) {
        if (tries == 10000) fail_msg("%s has no two tensors to exchange", arch);
        a = draw(i, 30 + 2 * tries, (uint32_t)n);
        b = draw(i, 31 + 2 * tries, (uint32_t)n);
    }
    exchange_entries(&list[a], &list[b], way);
    rebuild(file, (size_t)(hth_gguf_tensor_at(g, 0)->name.p - file->p) - 8, data, list, n);
    hth_free(list);
    hth_model_close(&m);
}

/* ---- absurd numbers ------------------------------------------------------------------------ */

/* What may stand in place of a number, and its type in the file. */
static const struct Absurd {
    const char *what;
    enum { WHOLE, SIZES, REALS, COUNTS } of; /* which numbers it is absurd for */
    uint32_t type, bits; /* COUNTS: added */
} absurd[] = {
    { "huge", WHOLE, HTH_GGUF_U32, 0xffffffff },
    { "negative", WHOLE, HTH_GGUF_I32, 0xffffffff },
    { "no number", WHOLE, HTH_GGUF_F32, 0x7fc00000 },
    { "zero", SIZES, HTH_GGUF_U32, 0 },
    { "one more than the tensors say", COUNTS, HTH_GGUF_U32, 1 },
    { "no number", REALS, HTH_GGUF_F32, 0x7fc00000 },
    { "infinite", REALS, HTH_GGUF_F32, 0x7f800000 },
    { "negative", REALS, HTH_GGUF_F32, 0xff7fffff },
};
static const char *const counts[] = { "embedding_length", "block_count", "expert_count",
                                      "attention.head_count", "attention.head_count_kv" };

static bool concerns(const HthArchParam *p, const struct Absurd *a) {
    const bool real = p->type == HTH_P_F32 || p->type == HTH_P_F32_OLD;
    bool count = false;
    for (size_t i = 0; i < HTH_COUNT(counts); i++) count |= strcmp(p->key, counts[i]) == 0;
    if (a->of == COUNTS) return count;
    if (a->of == SIZES) return p->type == HTH_P_SIZE;
    return real == (a->of == REALS);
}

/* The file's number of that key; NULL: it has none, or that would not be absurd. */
static const HthGgufKv *number_of(const HthGguf *g, const char *arch, const HthArchParam *p,
                                  const struct Absurd *a) {
    char key[128];
    snprintf(key, sizeof key, "%s.%s", arch, p->key);
    const HthGgufKv *kv = hth_gguf_find(g, key);
    const bool fits = kv && (kv->type == HTH_GGUF_U32 || kv->type == HTH_GGUF_F32);
    return fits && concerns(p, a) ? kv : NULL;
}

static void put_absurd(HthBuf *file, const HthGgufKv *kv, const struct Absurd *a) {
    const size_t at = (size_t)((const char *)kv->data - file->p);
    uint32_t v = 0;
    if (a->of == COUNTS) memcpy(&v, kv->data, 4);
    v += a->bits;
    memcpy(file->p + at - 4, &a->type, 4);
    memcpy(file->p + at, &v, 4);
}

static void make_absurd(HthBuf *file, const char *arch, uint64_t i) {
    const HthArchParam *params = hth_arch_find(arch)->params;
    uint32_t n = 0;
    while (params[n].key) n++;
    HthGguf *g = parse(file);
    for (uint32_t tries = 0; tries < 10000; tries++) {
        const struct Absurd *a = &absurd[draw(i, 20 + 2 * tries, HTH_COUNT(absurd))];
        const HthArchParam *p = &params[draw(i, 21 + 2 * tries, n)];
        const HthGgufKv *kv = number_of(g, arch, p, a);
        if (!kv) continue;
        put_absurd(file, kv, a);
        hth_gguf_close(&g);
        return;
    }
    fail_msg("%s has no numbers", arch);
}

/* ---- a flipped bit ------------------------------------------------------------------------- */

static HthStore *store;

static void upload(const HthBuf *file, char digest[80]) {
    uint8_t sum[HTH_HASH_BYTES];
    HthErr err;
    HthBlob *b = NULL;
    memcpy(digest, "sha256:", 8);
    hth_hash(HTH_SHA256, file->p, file->n, sum);
    hth_hex(digest + 7, sum, sizeof sum);
    assert_ok(hth_blob_begin(store, hth_str(digest), &b, &err), err);
    assert_ok(hth_blob_add(b, file->p, file->n, &err), err);
    assert_ok(hth_blob_commit(&b, &err), err);
}

/* In the file as it lies there, and an hour later. */
static void flip(const char *path, const HthBuf *file, uint64_t i) {
    const uint32_t at = draw(i, 20, (uint32_t)file->n);
    const char byte = (char)(file->p[at] ^ (1 << draw(i, 21, 8)));
    struct stat st;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    const struct timespec later[2] = { st.st_atim, { st.st_mtim.tv_sec + 3600, 0 } };
    assert_int_equal(futimens(fd, later), 0);
    close(fd);
}

/* How a server comes from a name to a model, as far as it gets. */
static HthStatus load(const char *name, const char **where, HthErr *err) {
    static char path[160];
    char hex[65];
    HthStoreList *l = NULL;
    HthModel *m = NULL;
    HTH_TRY(hth_store_find(store, hth_str(name), &l, err));
    const HthStored *s = l->items;
    HthStatus st = l->count ? HTH_OK : HTH_FAIL(err, HTH_EINVAL, "there is no such model");
    if (st == HTH_OK) snprintf(path, sizeof path, "%s", s->path);
    if (st == HTH_OK && s->error[0]) st = HTH_FAIL(err, HTH_EFORMAT, "%s", s->error);
    if (st == HTH_OK) st = hth_store_digest_of(store, s, NULL, NULL, hex, err);
    if (st == HTH_OK) st = hth_model_open(&m, path, err);
    hth_model_close(&m);
    hth_store_list_close(&l);
    *where = path;
    return st;
}

static HthStatus flip_stored(const HthBuf *file, uint64_t i, HthErr *err) {
    char digest[80], name[32];
    const char *path;
    bool missing;
    HthErr before;
    upload(file, digest);
    snprintf(name, sizeof name, "m%u", (unsigned)i);
    const HthStoreMake a = { .name = hth_str(name), .file_digest = hth_str(digest) };
    assert_ok(hth_store_create(store, &a, &missing, &before), before);
    assert_ok(load(name, &path, &before), before);
    flip(path, file, i);
    return load(name, &path, err);
}

/* ---- the 200 ------------------------------------------------------------------------------- */

/* A sentence that names the file, a key, a tensor, or what a number is of. */
static bool is_clear(const HthErr *err, const char *arch) {
    const char *const names[] = { "m.gguf", arch,   ".weight", ".bias",
                                  "_exps",  "ssm_", "heads",   "blob" };
    bool named = false;
    for (size_t k = 0; k < HTH_COUNT(names); k++) named |= strstr(err->text, names[k]) != NULL;
    for (const char *p = err->text; *p; p++)
        if ((unsigned char)*p < ' ') return false;
    return named && strlen(err->text) >= 20;
}

static HthStatus open_spoiled(const HthBuf *file, HthErr *err) {
    HthModel *m = NULL;
    /* A copy of exactly that many bytes, so that reading one more is seen. */
    char *copy = hth_calloc(file->n + !file->n, 1);
    assert_non_null(copy);
    if (file->n) memcpy(copy, file->p, file->n);
    const HthStatus st = hth_model_open_mem(&m, copy, file->n, "m.gguf", err);
    hth_model_close(&m);
    hth_free(copy);
    return st;
}

static bool spoil_one(uint64_t i, Kind kind, const char *arch) {
    HthErr err = { 0 };
    HthBuf file;
    HthModel *m = NULL;
    Tiny c;
    make(&file, &c, i, arch);
    m = open_whole(&file, arch);
    hth_model_close(&m);
    if (kind == CUT) cut(&file, i);
    if (kind == EXCHANGED) exchange(&file, arch, i);
    if (kind == ABSURD) make_absurd(&file, arch, i);
    const HthStatus st = kind == FLIPPED ? flip_stored(&file, i, &err) : open_spoiled(&file, &err);
    hth_buf_drop(&file);
    if (st == HTH_OK) print_message("model %u, %s, %s: opens\n", (unsigned)i, arch, kinds[kind]);
    if (st != HTH_OK && !is_clear(&err, arch))
        fail_msg("model %u, %s, %s: no clear error: '%s'", (unsigned)i, arch, kinds[kind],
                 err.text);
    return st != HTH_OK;
}

static void two_hundred(void **state) {
    (void)state;
    static char home[160];
    uint32_t refused[KINDS] = { 0 }, all = 0;
    const size_t archs = arch_count();
    HthErr err;
    snprintf(home, sizeof home, "%s/home", test_folder);
    const HthStoreCfg cfg = { .home = home, .facts = hth_model_facts };
    assert_ok(hth_store_open(&store, &cfg, &err), err);
    for (uint64_t i = 0; i < MODELS; i++) {
        const Kind kind = (Kind)(i % KINDS);
        const char *arch = hth_arch_at((i / KINDS + 12 * (size_t)kind) % archs)->name;
        refused[kind] += spoil_one(i, kind, arch);
    }
    for (int k = 0; k < KINDS; k++) {
        print_message("%-18s %u spoiled, %u refused\n", kinds[k], MODELS / KINDS, refused[k]);
        all += refused[k];
    }
    print_message("%-18s %u spoiled, %u refused\n", "in all", MODELS, all);
    hth_store_close(&store);
    assert_int_equal(all, MODELS);
}

/* ---- and every number that an architecture reads ------------------------------------------- */

static void every_number(void **state) {
    (void)state;
    uint32_t count = 0, opened = 0;
    for (size_t a = 0; hth_arch_at(a); a++) {
        const char *arch = hth_arch_at(a)->name;
        HthBuf file, copy;
        HthErr err;
        Tiny c;
        make(&file, &c, 1000 + a, arch);
        HthGguf *g = parse(&file);
        for (const HthArchParam *p = hth_arch_at(a)->params; p->key; p++)
            for (size_t k = 0; k < HTH_COUNT(absurd); k++) {
                const HthGgufKv *kv = number_of(g, arch, p, &absurd[k]);
                if (!kv) continue;
                hth_buf_init(&copy, TINY_MAX);
                tiny_put(&copy, file.p, file.n);
                HthGguf *same = parse(&copy);
                put_absurd(&copy, number_of(same, arch, p, &absurd[k]), &absurd[k]);
                hth_gguf_close(&same);
                count++;
                if (open_spoiled(&copy, &err) == HTH_OK) {
                    print_message("%s.%s, %s: opens\n", arch, p->key, absurd[k].what);
                    opened++;
                }
                hth_buf_drop(&copy);
            }
        hth_gguf_close(&g);
        hth_buf_drop(&file);
    }
    print_message("%u numbers made absurd, %u of these open\n", count, opened);
    assert_true(count > 1000);
    assert_int_equal(opened, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_hundred, test_folder_make, test_folder_drop),
        cmocka_unit_test(every_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
