/* part.c - see part.h.
 *
 * Thread: one owner. */
#include "quant/part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#define FIRST "hearth-quantize 1 "
enum { LINE_MAX_ = 4 * 64, JOURNAL_MAX = 64 << 20 };

struct HthPart {
    char path[PATH_MAX], part[PATH_MAX], journal[PATH_MAX];
    int fd, log_fd;
    HthPiece *known; /* [count] */
    size_t count;
};

static HthStatus refused(const char *path, const char *what, HthErr *err) {
    return HTH_FAIL(err, HTH_EIO, "cannot %s %s: %s", what, path, strerror(errno));
}

static HthStatus write_at(int fd, const char *path, uint64_t at, const void *bytes, size_t n,
                          HthErr *err) {
    const uint8_t *p = bytes;
    while (n > 0) {
        const ssize_t w = pwrite(fd, p, n, (off_t)at);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return refused(path, "write", err);
        p += w;
        at += (uint64_t)w;
        n -= (size_t)w;
    }
    return HTH_OK;
}

static uint64_t bits_of(double v) {
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}
static double of_bits(uint64_t u) {
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static HthStatus line_of(HthBuf *to, const HthPiece *p, HthErr *err) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, p->sha256, sizeof p->sha256);
    return hth_buf_printf(to, err, "%s %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", hex,
                          bits_of(p->error), bits_of(p->weight), bits_of(p->worst));
}
enum { LINE_BYTES = HTH_HASH_HEX + 3 * 17 + 1 };

static bool read_line(const char *line, HthPiece *out) {
    uint8_t numbers[3][8];
    double *const to[3] = { &out->error, &out->weight, &out->worst };
    if (!hth_unhex(out->sha256, HTH_HASH_BYTES, (HthStr){ line, HTH_HASH_HEX })) return false;
    for (size_t i = 0; i < 3; i++) {
        const char *at = line + HTH_HASH_HEX + 17 * i;
        uint64_t v = 0;
        if (at[0] != ' ' || !hth_unhex(numbers[i], 8, (HthStr){ at + 1, 16 })) return false;
        for (int k = 0; k < 8; k++) v = v << 8 | numbers[i][k];
        *to[i] = of_bits(v);
    }
    return line[LINE_BYTES - 1] == '\n';
}

/* The pieces of a journal that begins with `first`; none if it begins otherwise. */
static HthStatus read_journal(HthPart *p, HthStr first, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, JOURNAL_MAX);
    HthStatus st = hth_file_read(&text, p->journal, err);
    const size_t lines = text.n < first.n ? 0 : (text.n - first.n) / LINE_BYTES;
    if (st == HTH_OK && lines > 0 && memcmp(text.p, first.p, first.n) == 0) {
        p->known = hth_calloc(lines, sizeof *p->known);
        if (p->known == NULL)
            st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
        else
            while (p->count < lines &&
                   read_line((char *)text.p + first.n + p->count * LINE_BYTES, &p->known[p->count]))
                p->count++;
    }
    hth_buf_drop(&text);
    return st;
}

/* The journal: this plan's first line, and the pieces before `keep`. */
static HthStatus rewrite(HthPart *p, HthStr first, size_t keep, HthErr *err) {
    if (ftruncate(p->log_fd, (off_t)(first.n + keep * LINE_BYTES)) != 0)
        return refused(p->journal, "shorten", err);
    return write_at(p->log_fd, p->journal, 0, first.p, first.n, err);
}

static HthStatus open_files(HthPart *p, HthErr *err) {
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    p->fd = open(p->part, flags, 0644);
    if (p->fd < 0) return refused(p->part, "write", err);
    HTH_REQUIRE(flock(p->fd, LOCK_EX | LOCK_NB) == 0, err, HTH_EAGAIN,
                "%s is being written by another process", p->path);
    p->log_fd = open(p->journal, flags, 0644);
    return p->log_fd < 0 ? refused(p->journal, "write", err) : HTH_OK;
}

HthStatus hth_part_open(HthPart **out, const char *path, const uint8_t plan[HTH_HASH_BYTES],
                        HthErr *err) {
    char first[sizeof FIRST + HTH_HASH_HEX + 1], hex[HTH_HASH_HEX + 1];
    HTH_REQUIRE(strlen(path) < PATH_MAX - 16, err, HTH_EINVAL, "the output's path is too long");
    HthPart *p = hth_calloc(1, sizeof *p);
    HTH_REQUIRE(p != NULL, err, HTH_ENOMEM, "out of memory");
    p->fd = p->log_fd = -1;
    snprintf(p->path, sizeof p->path, "%s", path);
    snprintf(p->part, sizeof p->part, "%.*s.part", PATH_MAX - 16, path);
    snprintf(p->journal, sizeof p->journal, "%.*s.part.log", PATH_MAX - 16, path);
    hth_hex(hex, plan, HTH_HASH_BYTES);
    snprintf(first, sizeof first, FIRST "%s\n", hex);
    HthStatus st = open_files(p, err);
    if (st == HTH_OK) st = read_journal(p, hth_str(first), err);
    if (st == HTH_OK) st = rewrite(p, hth_str(first), p->count, err);
    if (st == HTH_OK)
        *out = p;
    else
        hth_part_close(&p);
    return st;
}

bool hth_part_known(const HthPart *p, size_t i, HthPiece *out) {
    if (i >= p->count || p->known == NULL) return false;
    *out = p->known[i];
    return true;
}

enum { FIRST_BYTES = sizeof FIRST - 1 + HTH_HASH_HEX + 1 };

HthStatus hth_part_forget(HthPart *p, size_t i, HthErr *err) {
    if (i >= p->count) return HTH_OK;
    p->count = i;
    if (ftruncate(p->log_fd, (off_t)(FIRST_BYTES + i * LINE_BYTES)) != 0)
        return refused(p->journal, "shorten", err);
    return HTH_OK;
}

HthStatus hth_part_read(HthPart *p, uint64_t at, void *to, size_t n, HthErr *err) {
    uint8_t *b = to;
    while (n > 0) {
        const ssize_t r = pread(p->fd, b, n, (off_t)at);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return refused(p->part, "read", err);
        HTH_REQUIRE(r > 0, err, HTH_EFORMAT, "%s is shorter than it was", p->part);
        b += r;
        at += (uint64_t)r;
        n -= (size_t)r;
    }
    return HTH_OK;
}

HthStatus hth_part_write(HthPart *p, uint64_t at, const void *bytes, size_t n, HthErr *err) {
    return write_at(p->fd, p->part, at, bytes, n, err);
}

HthStatus hth_part_done(HthPart *p, const HthPiece *piece, HthErr *err) {
    HthBuf line;
    hth_buf_init(&line, LINE_MAX_);
    HthStatus st = line_of(&line, piece, err);
    if (st == HTH_OK) {
        HTH_ASSERT(line.n == LINE_BYTES);
        st = write_at(p->log_fd, p->journal, FIRST_BYTES + p->count * LINE_BYTES, line.p, line.n,
                      err);
    }
    if (st == HTH_OK) p->count++;
    hth_buf_drop(&line);
    return st;
}

static HthStatus finish(HthPart *p, uint64_t bytes, HthErr *err) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", p->path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        memcpy(folder, ".", 2);
    else
        slash[slash == folder] = '\0';
    if (ftruncate(p->fd, (off_t)bytes) != 0 || fsync(p->fd) != 0)
        return refused(p->part, "complete", err);
    if (rename(p->part, p->path) != 0) return refused(p->path, "replace", err);
    if (unlink(p->journal) != 0) return refused(p->journal, "remove", err);
    return hth_file_sync_folder(folder, p->path, err);
}

HthStatus hth_part_commit(HthPart **p, uint64_t bytes, HthErr *err) {
    HthStatus st = finish(*p, bytes, err);
    hth_part_close(p);
    return st;
}

void hth_part_close(HthPart **p) {
    if (*p == NULL) return;
    if ((*p)->fd >= 0) close((*p)->fd);
    if ((*p)->log_fd >= 0) close((*p)->log_fd);
    hth_free((*p)->known);
    hth_free(*p);
    *p = NULL;
}
