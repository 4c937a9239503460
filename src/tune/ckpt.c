/* ckpt.c - checkpoints. See ckpt.h. */
#include "tune/ckpt.h"

#include <string.h>

#include "base/file.h"
#include "base/num.h"

enum { HEADER = 64 };
static const char MAGIC[8] = "HTHCKPT1";

/* A check against damage, not against malice. Four lanes so that it keeps up with the disk. */
static uint64_t check(uint64_t h, const float *p, size_t n) {
    uint64_t lane[4] = { h, h + 1, h + 2, h + 3 };
    for (size_t i = 0; i < n; i++) {
        uint64_t *l = &lane[i % 4];
        *l = (*l ^ hth_f32_bits(p[i])) * 0x9e3779b97f4a7c15u;
        *l ^= *l >> 29;
    }
    for (int i = 0; i < 4; i++) h = (h ^ lane[i]) * 0x100000001b3u;
    return h;
}

static void put(uint8_t *p, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}

HthStatus hth_ckpt_save(const char *path, const HthCkpt *c, HthNet *net, const HthAdam *adam,
                        HthErr *err) {
    const size_t n = hth_net_floats(net);
    const float *parts[3] = { hth_net_w(net), adam->m, adam->v };
    uint64_t sum = 0;
    for (int i = 0; i < 3; i++) sum = check(sum, parts[i], n);
    uint8_t h[HEADER] = { 0 };
    memcpy(h, MAGIC, sizeof MAGIC);
    put(h + 8, c->recipe, 8);
    put(h + 16, c->vocab, 8);
    put(h + 24, c->step, 4);
    put(h + 32, n, 8);
    put(h + 40, sum, 8);
    HthFileOut *f = NULL;
    HTH_TRY(hth_file_out_open(&f, path, 0644, err));
    HthStatus status = hth_file_out_add(f, h, sizeof h, err);
    for (int i = 0; status == HTH_OK && i < 3; i++)
        status = hth_file_out_add(f, parts[i], n * sizeof(float), err);
    if (status != HTH_OK) {
        hth_file_out_abort(&f);
        return status;
    }
    return hth_file_out_commit(&f, err);
}

static HthStatus load(const HthFileMap *map, const char *path, HthCkpt *c, HthNet *net,
                      HthAdam *adam, HthErr *err) {
    const uint8_t *h = map->data;
    const size_t n = hth_net_floats(net);
    HTH_REQUIRE(map->n >= HEADER && !memcmp(h, MAGIC, sizeof MAGIC), err, HTH_EFORMAT,
                "%s is not a checkpoint", path);
    HTH_REQUIRE(hth_le64(h + 8) == c->recipe && hth_le64(h + 32) == n, err, HTH_EINVAL,
                "%s belongs to another recipe; choose another folder or start afresh", path);
    HTH_REQUIRE(hth_le64(h + 16) == c->vocab, err, HTH_EINVAL,
                "%s belongs to another vocabulary; choose another folder or start afresh", path);
    HTH_REQUIRE(map->n == HEADER + 3 * n * sizeof(float), err, HTH_EFORMAT, "%s is cut short",
                path);
    const float *p = (const float *)(const void *)(h + HEADER);
    uint64_t sum = 0;
    for (int i = 0; i < 3; i++) sum = check(sum, p + i * n, n);
    HTH_REQUIRE(sum == hth_le64(h + 40), err, HTH_EFORMAT, "%s is damaged", path);
    memcpy(hth_net_w(net), p, n * sizeof *p);
    if (adam) {
        memcpy(adam->m, p + n, n * sizeof *p);
        memcpy(adam->v, p + 2 * n, n * sizeof *p);
    }
    c->step = hth_le32(h + 24);
    return HTH_OK;
}

HthStatus hth_ckpt_load(const char *path, HthCkpt *c, HthNet *net, HthAdam *adam, HthErr *err) {
    HthFileMap map = { 0 };
    HTH_TRY(hth_file_map(&map, path, err));
    HthStatus status = load(&map, path, c, net, adam, err);
    hth_file_unmap(&map);
    return status;
}
