/* tile.c - see tile.h.
 *
 * Thread: as tile.h says. */
#include "audit/tile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"
#include "base/mem.h"

enum {
    H = HTH_HASH_BYTES,
    TILE_BYTES = HTH_TILE_WIDTH * H,
    KEPT = 8, /* tiles a source remembers */
    SHIFT = 8 /* 1 << SHIFT hashes in a tile */
};

void hth_tile_path(char out[HTH_TILE_PATH], int level, uint64_t index, unsigned width) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%03llu", (unsigned long long)index);
    const int pad = (3 - n % 3) % 3; /* threes, counted from the end */
    size_t at;
    if (level == HTH_TILE_ENTRIES)
        at = (size_t)snprintf(out, HTH_TILE_PATH, "tile/entries");
    else
        at = (size_t)snprintf(out, HTH_TILE_PATH, "tile/%d", level);
    for (int i = 0; i < n + pad; i++) {
        if (i % 3 == 0) {
            out[at++] = '/';
            if (i + 3 < n + pad) out[at++] = 'x';
        }
        out[at++] = i < pad ? '0' : digits[i - pad];
    }
    out[at] = '\0';
    if (width < HTH_TILE_WIDTH) snprintf(out + at, HTH_TILE_PATH - at, ".p/%u", width);
}

/* ---- a tree that leaves tiles --------------------------------------------------------------- */

struct HthTiles {
    HthTree tree;
    HthTilesMode mode;
    HthTilesReport *report; /* borrowed, or NULL */
    char folder[PATH_MAX - 128]; /* leaves room for the longest tile and its temporary name */
    HthErr err; /* of a write below a callback */
    HthStatus status;
    uint8_t tile[HTH_TILE_LEVELS][TILE_BYTES]; /* the last of each level, as far as it goes */
};

HthStatus hth_tiles_open(HthTiles **out, HthHashKind kind, const char *folder, HthTilesMode mode,
                         HthTilesReport *report, HthErr *err) {
    HTH_REQUIRE(strlen(folder) < sizeof((HthTiles *)NULL)->folder, err, HTH_EINVAL,
                "the path of the log's folder is too long");
    HthTiles *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "no memory for the tiles of a log");
    hth_tree_init(&t->tree, kind);
    t->mode = mode;
    t->report = report;
    snprintf(t->folder, sizeof t->folder, "%s", folder);
    *out = t;
    return HTH_OK;
}

void hth_tiles_close(HthTiles **tiles) {
    hth_free(*tiles);
    *tiles = NULL;
}

const HthTree *hth_tiles_tree(const HthTiles *t) {
    return &t->tree;
}

void hth_tiles_mode(HthTiles *t, HthTilesMode mode) {
    t->mode = mode;
}

/* 1: the file holds these bytes; 0: it is not there; -1: it holds others. */
static int compare(const char *path, const uint8_t *bytes, size_t n) {
    uint8_t there[TILE_BYTES + 1];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    const ssize_t got = read(fd, there, n + 1); /* a tile is read whole or not at all */
    close(fd);
    return got == (ssize_t)n && memcmp(there, bytes, n) == 0 ? 1 : -1;
}

static bool put(int fd, const uint8_t *bytes, size_t n) {
    for (ssize_t got; n; bytes += got, n -= (size_t)got) {
        got = hth_file_fault() ? -1 : write(fd, bytes, n);
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got <= 0)
            return false;
    }
    return true;
}

void hth_tile_folders(char *path, mode_t mode) {
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(path, mode);
        *p = '/';
    }
}

/* Whole or not at all, but not synced: it follows from the entries. */
static HthStatus write_tile(char *path, const uint8_t *bytes, size_t n, HthErr *err) {
    char temp[PATH_MAX + 8];
    snprintf(temp, sizeof temp, "%s.tmp", path);
    int fd = hth_file_fault() ? -1 : open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 && errno == ENOENT) { /* its folders first */
        hth_tile_folders(path, 0700);
        fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    }
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot make %.150s: %s", temp, strerror(errno));
    bool ok = put(fd, bytes, n);
    int why = errno;
    if (close(fd) && ok) {
        ok = false;
        why = errno;
    }
    if (ok && (hth_file_fault() || rename(temp, path))) {
        ok = false;
        why = errno;
    }
    if (!ok) (void)unlink(temp);
    HTH_REQUIRE(ok, err, HTH_EIO, "cannot write %.150s: %s", path, strerror(why));
    return HTH_OK;
}

/* Of tiles that were shorter, the last is enough; of a full one none is needed. */
static void drop_partial(const char *path, unsigned but) {
    char folder[PATH_MAX + 8], one[PATH_MAX + 272];
    snprintf(folder, sizeof folder, "%s.p", path);
    DIR *d = opendir(folder);
    if (!d) return;
    for (const struct dirent *e; (e = readdir(d));) {
        uint64_t width;
        if (e->d_name[0] == '.' || (hth_str_u64(hth_str(e->d_name), &width) && width == but))
            continue;
        snprintf(one, sizeof one, "%s/%s", folder, e->d_name);
        (void)unlink(one);
    }
    closedir(d);
    if (!but) (void)rmdir(folder);
}

static HthStatus settle(HthTiles *t, int level, uint64_t index, unsigned width, HthErr *err) {
    char name[HTH_TILE_PATH], path[PATH_MAX];
    if (t->mode == HTH_TILES_NONE) return HTH_OK;
    hth_tile_path(name, level, index, width);
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    const size_t n = (size_t)width * H;
    const int as_is = compare(path, t->tile[level], n);
    if (t->report) {
        t->report->checked++;
        t->report->missing += as_is == 0;
        t->report->wrong += as_is < 0;
    }
    if (t->mode == HTH_TILES_CHECK) return HTH_OK;
    if (as_is != 1) HTH_TRY(write_tile(path, t->tile[level], n, err));
    hth_tile_path(name, level, index, HTH_TILE_WIDTH);
    snprintf(path, sizeof path, "%s/%s", t->folder, name);
    drop_partial(path, width == HTH_TILE_WIDTH ? 0 : width);
    return HTH_OK;
}

static void node(void *payload, unsigned height, uint64_t index, const uint8_t hash[H]) {
    HthTiles *t = payload;
    const unsigned level = height / SHIFT, at = (unsigned)(index % HTH_TILE_WIDTH);
    if (height % SHIFT || level >= HTH_TILE_LEVELS) return;
    memcpy(t->tile[level] + (size_t)at * H, hash, H);
    if (at + 1 < HTH_TILE_WIDTH || t->status != HTH_OK) return;
    t->status = settle(t, (int)level, index / HTH_TILE_WIDTH, HTH_TILE_WIDTH, &t->err);
}

HthStatus hth_tiles_append(HthTiles *t, const uint8_t leaf[HTH_HASH_BYTES], HthErr *err) {
    t->status = HTH_OK;
    hth_tree_append(&t->tree, leaf, node, t);
    if (t->status != HTH_OK && err) *err = t->err;
    return t->status;
}

HthStatus hth_tiles_partial(HthTiles *t, HthErr *err) {
    for (int level = 0; level < HTH_TILE_LEVELS; level++) {
        const uint64_t hashes = t->tree.size >> (SHIFT * level);
        const unsigned width = (unsigned)(hashes % HTH_TILE_WIDTH);
        if (width) HTH_TRY(settle(t, level, hashes / HTH_TILE_WIDTH, width, err));
    }
    return HTH_OK;
}

/* ---- nodes from tiles ----------------------------------------------------------------------- */

typedef struct Kept {
    int level; /* -1: empty */
    uint64_t index;
    uint8_t bytes[TILE_BYTES];
} Kept;

struct HthTileSource {
    HthHashKind kind;
    uint64_t size;
    unsigned turn;
    char folder[PATH_MAX - 128];
    Kept kept[KEPT];
};

HthStatus hth_tile_source_open(HthTileSource **out, HthHashKind kind, const char *folder,
                               uint64_t size, HthErr *err) {
    HTH_REQUIRE(strlen(folder) < sizeof((HthTileSource *)NULL)->folder, err, HTH_EINVAL,
                "the path of the log's folder is too long");
    HthTileSource *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s, err, HTH_ENOMEM, "no memory for the tiles of a log");
    s->kind = kind;
    s->size = size;
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    for (unsigned i = 0; i < KEPT; i++) s->kept[i].level = -1;
    *out = s;
    return HTH_OK;
}

void hth_tile_source_close(HthTileSource **source) {
    hth_free(*source);
    *source = NULL;
}

/* The tile as it is when the tree has s->size leaves; the full one will do where that is gone. */
static HthStatus load(const HthTileSource *s, Kept *k, int level, uint64_t index, HthErr *err) {
    const uint64_t hashes = s->size >> (SHIFT * level), left = hashes - index * HTH_TILE_WIDTH;
    const unsigned width = left < HTH_TILE_WIDTH ? (unsigned)left : HTH_TILE_WIDTH;
    char name[HTH_TILE_PATH], path[PATH_MAX];
    HthBuf bytes;
    HthStatus status = HTH_EIO;
    hth_buf_init(&bytes, TILE_BYTES);
    for (unsigned w = width; status == HTH_EIO; w = HTH_TILE_WIDTH) {
        hth_tile_path(name, level, index, w);
        snprintf(path, sizeof path, "%s/%s", s->folder, name);
        status = hth_file_read(&bytes, path, err);
        if (status == HTH_OK && bytes.n != (size_t)w * H)
            status = HTH_FAIL(err, HTH_EFORMAT, "%.150s has %zu bytes, %u were expected", path,
                              bytes.n, w * H);
        if (w == HTH_TILE_WIDTH) break;
    }
    if (status == HTH_OK) {
        memcpy(k->bytes, bytes.p, (size_t)width * H);
        k->level = level;
        k->index = index;
    }
    hth_buf_drop(&bytes);
    return status;
}

HthStatus hth_tile_get(void *source, unsigned height, uint64_t index, uint8_t out[HTH_HASH_BYTES],
                       HthErr *err) {
    HthTileSource *s = source;
    const int level = (int)(height / SHIFT);
    const unsigned below = height % SHIFT; /* levels of the tree to be made from the tile */
    const uint64_t first = index << below, tile = first / HTH_TILE_WIDTH;
    HTH_ASSERT(level < HTH_TILE_LEVELS);
    HTH_ASSERT((index + 1) << height <= s->size);
    const Kept *found = NULL;
    for (unsigned i = 0; i < KEPT && !found; i++)
        if (s->kept[i].level == level && s->kept[i].index == tile) found = &s->kept[i];
    if (!found) {
        Kept *k = &s->kept[s->turn++ % KEPT];
        k->level = -1;
        HTH_TRY(load(s, k, level, tile, err));
        found = k;
    }
    uint8_t row[TILE_BYTES / 2];
    const uint8_t *from = found->bytes + (size_t)(first % HTH_TILE_WIDTH) * H;
    for (unsigned n = 1u << below; n > 1; n /= 2, from = row)
        for (unsigned i = 0; i < n; i += 2)
            hth_tree_node(s->kind, from + (size_t)i * H, from + (size_t)(i + 1) * H,
                          row + (size_t)(i / 2) * H);
    memcpy(out, from, H);
    return HTH_OK;
}
