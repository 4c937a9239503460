/* gguf.c - opening a GGUF model, whole or split, and looking things up in it.
 *
 * The checking of bytes is in metadata.c and directory.c.
 *
 * Thread: a handle is immutable once open. */
#include "gguf/gguf_int.h"

#include <string.h>

#include "base/mem.h"

static HthStatus no_memory(const char *path, HthErr *err) {
    char file[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown_file(path, file);
    return HTH_FAIL(err, HTH_ENOMEM, "%s: out of memory while opening the model", file);
}

/* A handle with one empty part. */
static HthStatus handle_open(HthGguf **out, const char *path, HthErr *err) {
    HthGguf *g = hth_calloc(1, sizeof *g);
    if (g == NULL) return no_memory(path, err);
    HthStatus status = hth_arena_open(&g->arena, HTH_GGUF_DIR_MAX, err);
    if (status != HTH_OK) goto out;
    g->path = hth_arena_copy(g->arena, path, strlen(path));
    g->parts = hth_arena_take(g->arena, 1, sizeof *g->parts);
    if (g->path == NULL || g->parts == NULL) {
        status = no_memory(path, err);
        goto out;
    }
    g->part_count = 1;
    *out = g;
    g = NULL;
out:
    hth_gguf_close(&g);
    return status;
}

static HthStatus map_part(HthGguf *g, uint32_t no, const char *path, HthErr *err) {
    HthGgufPart *part = &g->parts[no];
    HTH_TRY(hth_file_map(&part->map, path, err));
    part->bytes = (HthStr){ (const char *)part->map.data, part->map.n };
    return hth_gguf_read_part(part, path, g->arena, err);
}

static HthStatus refuse_mixed(const HthGgufSplit *split, const HthGgufSplit *first, uint32_t no,
                              const char *path, HthErr *err) {
    char file[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown_file(path, file);
    HTH_REQUIRE(split->count == first->count, err, HTH_EFORMAT,
                "%s: says the model has %u parts where the first part says %u", file, split->count,
                first->count);
    HTH_REQUIRE(split->no == no, err, HTH_EFORMAT, "%s: says it is part %u where %u is expected",
                file, split->no + 1, no + 1);
    HTH_REQUIRE(split->tensors == first->tensors, err, HTH_EFORMAT,
                "%s: says the model has %llu tensors where the first part says %llu", file,
                (unsigned long long)split->tensors, (unsigned long long)first->tensors);
    return HTH_OK;
}

/* Parts 1.. of a split model whose first part is open at g->path. */
static HthStatus map_rest(HthGguf *g, const HthGgufSplit *first, HthErr *err) {
    HthGgufPart *parts = hth_arena_take(g->arena, first->count, sizeof *parts);
    if (parts == NULL) return no_memory(g->path, err);
    parts[0] = g->parts[0];
    g->parts = parts;
    HthBuf path;
    hth_buf_init(&path, 1 << 16);
    HthStatus status = HTH_OK;
    for (uint32_t no = 1; no < first->count && status == HTH_OK; no++) {
        HthGgufSplit split;
        hth_buf_clear(&path);
        status = hth_gguf_split_path(&path, g->path, first, no, err);
        if (status != HTH_OK) break;
        g->part_count = no + 1;
        status = map_part(g, no, path.p, err);
        if (status == HTH_EIO || status == HTH_EINVAL) {
            char file[HTH_GGUF_SHOWN_MAX];
            hth_gguf_shown_file(path.p, file);
            status = HTH_FAIL(err, status,
                              "%s: part %u of %u of the model is missing or cannot be read; all "
                              "parts belong in one folder",
                              file, no + 1, first->count);
        }
        if (status == HTH_OK) status = hth_gguf_split_of(&g->parts[no], path.p, &split, err);
        if (status == HTH_OK) status = refuse_mixed(&split, first, no, path.p, err);
    }
    hth_buf_drop(&path);
    return status;
}

/* One directory over all parts, names unique. */
static HthStatus join_parts(HthGguf *g, HthErr *err) {
    size_t count = 0;
    for (uint32_t p = 0; p < g->part_count; p++) count += g->parts[p].tensor_count;
    HTH_TRY(hth_map_open(&g->names, count, err));
    if (count == 0) return HTH_OK;
    g->tensors = g->parts[0].tensors;
    if (g->part_count > 1) {
        g->tensors = hth_arena_take(g->arena, count, sizeof *g->tensors);
        if (g->tensors == NULL) return no_memory(g->path, err);
    }
    for (uint32_t p = 0; p < g->part_count; p++) {
        for (size_t i = 0; i < g->parts[p].tensor_count; i++) {
            HthGgufTensor *t = &g->tensors[g->tensor_count];
            if (t != &g->parts[p].tensors[i]) *t = g->parts[p].tensors[i];
            t->part = p;
            if (hth_map_get(g->names, t->name) != HTH_MAP_NONE) {
                char file[HTH_GGUF_SHOWN_MAX], name[HTH_GGUF_SHOWN_MAX];
                hth_gguf_shown_file(g->path, file);
                hth_gguf_shown(t->name, name);
                return HTH_FAIL(err, HTH_EFORMAT, "%s: tensor '%s' appears twice", file, name);
            }
            HTH_TRY(hth_map_put(g->names, t->name, (uint32_t)g->tensor_count, err));
            g->tensor_count++;
        }
    }
    return HTH_OK;
}

static HthStatus check_total(const HthGguf *g, const HthGgufSplit *split, HthErr *err) {
    char file[HTH_GGUF_SHOWN_MAX];
    hth_gguf_shown_file(g->path, file);
    HTH_REQUIRE(split->count == 1 || split->tensors == g->tensor_count, err, HTH_EFORMAT,
                "%s: the parts hold %zu tensors where split.tensors.count says %llu", file,
                g->tensor_count, (unsigned long long)split->tensors);
    return HTH_OK;
}

/* The file at path alone; *split says what it thinks it is. */
static HthStatus open_one(HthGguf **out, const char *path, HthGgufSplit *split, HthErr *err) {
    HthGguf *g = NULL;
    HTH_TRY(handle_open(&g, path, err));
    HthStatus status = map_part(g, 0, path, err);
    if (status == HTH_OK) status = hth_gguf_split_of(&g->parts[0], path, split, err);
    if (status == HTH_OK)
        *out = g;
    else
        hth_gguf_close(&g);
    return status;
}

/* *g is part split->no > 0; swaps it for the first part. */
static HthStatus swap_for_first(HthGguf **g, HthGgufSplit *split, const char *path, HthErr *err) {
    HthBuf first;
    HthGgufSplit split_first;
    hth_buf_init(&first, 1 << 16);
    HthStatus status = hth_gguf_split_path(&first, path, split, 0, err);
    hth_gguf_close(g);
    if (status != HTH_OK) goto out;
    status = open_one(g, first.p, &split_first, err);
    if (status == HTH_EIO || status == HTH_EINVAL) {
        char file[HTH_GGUF_SHOWN_MAX];
        hth_gguf_shown_file(first.p, file);
        status = HTH_FAIL(err, status,
                          "%s: part 1 of %u of the model is missing or cannot be read; all parts "
                          "belong in one folder",
                          file, split->count);
    }
    if (status == HTH_OK) status = refuse_mixed(&split_first, split, 0, first.p, err);
    if (status == HTH_OK) *split = split_first;
out:
    hth_buf_drop(&first);
    return status;
}

const HthFileMap *hth_gguf_part_map(const HthGguf *g, uint32_t part) {
    HTH_ASSERT(part < g->part_count);
    return &g->parts[part].map;
}

HthStatus hth_gguf_open(HthGguf **out, const char *path, HthErr *err) {
    HthGguf *g = NULL;
    HthGgufSplit split;
    HthStatus status = open_one(&g, path, &split, err);
    if (status == HTH_OK && split.count > 1 && split.no > 0)
        status = swap_for_first(&g, &split, path, err);
    if (status == HTH_OK && split.count > 1) status = map_rest(g, &split, err);
    if (status == HTH_OK) status = join_parts(g, err);
    if (status == HTH_OK) status = check_total(g, &split, err);
    if (status == HTH_OK)
        *out = g;
    else
        hth_gguf_close(&g);
    return status;
}

HthStatus hth_gguf_open_mem(HthGguf **out, const void *data, size_t n, const char *what,
                            HthErr *err) {
    HthGguf *g = NULL;
    HthGgufSplit split;
    HTH_TRY(handle_open(&g, what, err));
    g->parts[0].bytes = (HthStr){ data, n };
    HthStatus status = hth_gguf_read_part(&g->parts[0], what, g->arena, err);
    if (status == HTH_OK) status = hth_gguf_split_of(&g->parts[0], what, &split, err);
    if (status == HTH_OK && split.count > 1) {
        char file[HTH_GGUF_SHOWN_MAX];
        hth_gguf_shown_file(what, file);
        status = HTH_FAIL(err, HTH_ENOTSUP,
                          "%s: is part %u of %u; a split model can only be opened by path", file,
                          split.no + 1, split.count);
    }
    if (status == HTH_OK) status = join_parts(g, err);
    if (status == HTH_OK)
        *out = g;
    else
        hth_gguf_close(&g);
    return status;
}

void hth_gguf_close(HthGguf **g) {
    if (*g == NULL) return;
    for (uint32_t p = 0; p < (*g)->part_count; p++) {
        hth_map_close(&(*g)->parts[p].keys);
        hth_file_unmap(&(*g)->parts[p].map);
    }
    hth_map_close(&(*g)->names);
    hth_arena_close(&(*g)->arena);
    hth_free(*g);
    *g = NULL;
}

uint32_t hth_gguf_version(const HthGguf *g) {
    return g->parts[0].version;
}

size_t hth_gguf_file_bytes(const HthGguf *g) {
    size_t bytes = 0;
    for (uint32_t p = 0; p < g->part_count; p++) bytes += g->parts[p].bytes.n;
    return bytes;
}

const char *hth_gguf_path(const HthGguf *g) {
    return g->path;
}

uint32_t hth_gguf_part_count(const HthGguf *g) {
    return g->part_count;
}

HthStatus hth_gguf_part_path(HthBuf *out, const HthGguf *g, uint32_t part, HthErr *err) {
    const HthGgufSplit first = { .no = 0, .count = g->part_count };
    HTH_ASSERT(part < g->part_count);
    if (part == 0) return hth_buf_add(out, g->path, strlen(g->path), err);
    return hth_gguf_split_path(out, g->path, &first, part, err);
}

HthStr hth_gguf_part(const HthGguf *g, uint32_t part) {
    HTH_ASSERT(part < g->part_count);
    return g->parts[part].bytes;
}

size_t hth_gguf_kv_count(const HthGguf *g) {
    return g->parts[0].kv_count;
}

const HthGgufKv *hth_gguf_kv_at(const HthGguf *g, size_t i) {
    HTH_ASSERT(i < g->parts[0].kv_count);
    return &g->parts[0].kv[i];
}

const HthGgufKv *hth_gguf_find(const HthGguf *g, const char *key) {
    return hth_gguf_part_find(&g->parts[0], hth_str(key));
}

size_t hth_gguf_tensor_count(const HthGguf *g) {
    return g->tensor_count;
}

const HthGgufTensor *hth_gguf_tensor_at(const HthGguf *g, size_t i) {
    HTH_ASSERT(i < g->tensor_count);
    return &g->tensors[i];
}

const HthGgufTensor *hth_gguf_tensor(const HthGguf *g, HthStr name) {
    uint32_t i = hth_map_get(g->names, name);
    return i == HTH_MAP_NONE ? NULL : &g->tensors[i];
}
