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
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_fault.h"
#include "base/mem.h"

#define FIRST "hearth-quantize 1 "
enum {
    JOURNAL_MAX = 64 << 20,
    FIRST_BYTES = sizeof FIRST - 1 + HTH_HASH_HEX + 1,
    CHECKED_BYTES = HTH_HASH_HEX + 3 * 17, /* of a line */
    LINE_BYTES = CHECKED_BYTES + 17 + 1,
};

struct HthPart {
    char path[PATH_MAX], part[PATH_MAX], journal[PATH_MAX];
    int fd, log_fd;
    uint8_t plan[HTH_HASH_BYTES];
    HthPiece *known; /* [count] */
    size_t count;
};

static HthStatus refused(const char *path, const char *what, HthErr *err) {
    return HTH_FAIL(err, HTH_EIO, "cannot %s %.150s: %s", what, path, strerror(errno));
}

static HthStatus write_at(int fd, const char *path, uint64_t at, const void *bytes, size_t n,
                          HthErr *err) {
    const uint8_t *p = bytes;
    while (n > 0) {
        const ssize_t w = hth_file_fault() ? -1 : pwrite(fd, p, n, (off_t)at);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return refused(path, "write", err);
        p += w;
        at += (uint64_t)w;
        n -= (size_t)w;
    }
    return HTH_OK;
}

static HthStatus shorten(int fd, const char *path, uint64_t bytes, HthErr *err) {
    if (hth_file_fault() || ftruncate(fd, (off_t)bytes) != 0) return refused(path, "shorten", err);
    return HTH_OK;
}

/* ---- the journal's lines ---- */

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

/* Of what a line says, for this plan: the first half of a digest. */
static void check_of(char out[17], const char *line, const uint8_t plan[HTH_HASH_BYTES]) {
    uint8_t all[HTH_HASH_BYTES + CHECKED_BYTES], digest[HTH_HASH_BYTES];
    memcpy(all, plan, HTH_HASH_BYTES);
    memcpy(all + HTH_HASH_BYTES, line, CHECKED_BYTES);
    hth_hash(HTH_SHA256, all, sizeof all, digest);
    hth_hex(out, digest, 8);
}

HthStatus hth_part_first_line(HthBuf *to, const uint8_t plan[HTH_HASH_BYTES], HthErr *err) {
    char hex[HTH_HASH_HEX + 1];
    hth_hex(hex, plan, HTH_HASH_BYTES);
    return hth_buf_printf(to, err, FIRST "%s\n", hex);
}

HthStatus hth_part_line(HthBuf *to, const HthPiece *p, const uint8_t plan[HTH_HASH_BYTES],
                        HthErr *err) {
    char hex[HTH_HASH_HEX + 1], line[LINE_BYTES + 1], check[17];
    hth_hex(hex, p->sha256, sizeof p->sha256);
    snprintf(line, sizeof line, "%s %016" PRIx64 " %016" PRIx64 " %016" PRIx64, hex,
             bits_of(p->error), bits_of(p->weight), bits_of(p->worst));
    check_of(check, line, plan);
    return hth_buf_printf(to, err, "%s %s\n", line, check);
}

static bool read_line(const char *line, HthPiece *out, const uint8_t plan[HTH_HASH_BYTES]) {
    double *const to[3] = { &out->error, &out->weight, &out->worst };
    char check[17];
    if (!hth_unhex(out->sha256, HTH_HASH_BYTES, (HthStr){ line, HTH_HASH_HEX })) return false;
    for (size_t i = 0; i < 3; i++) {
        const char *at = line + HTH_HASH_HEX + 17 * i;
        uint8_t number[8];
        uint64_t v = 0;
        if (at[0] != ' ' || !hth_unhex(number, 8, (HthStr){ at + 1, 16 })) return false;
        for (int k = 0; k < 8; k++) v = v << 8 | number[k];
        *to[i] = of_bits(v);
    }
    check_of(check, line, plan);
    return line[CHECKED_BYTES] == ' ' && memcmp(line + CHECKED_BYTES + 1, check, 16) == 0 &&
           line[LINE_BYTES - 1] == '\n';
}

size_t hth_part_journal(HthPiece *out, size_t room, HthStr text,
                        const uint8_t plan[HTH_HASH_BYTES]) {
    char first[FIRST_BYTES + 1] = FIRST;
    size_t n = 0;
    hth_hex(first + sizeof FIRST - 1, plan, HTH_HASH_BYTES);
    first[FIRST_BYTES - 1] = '\n';
    if (text.n < FIRST_BYTES || memcmp(text.p, first, FIRST_BYTES) != 0) return 0;
    while (n < room && (text.n - FIRST_BYTES) / LINE_BYTES > n &&
           read_line(text.p + FIRST_BYTES + n * LINE_BYTES, &out[n], plan))
        n++;
    return n;
}

/* ---- opening ---- */

static HthStatus read_journal(HthPart *p, HthErr *err) {
    HthBuf text;
    hth_buf_init(&text, JOURNAL_MAX);
    HthStatus st = hth_file_read(&text, p->journal, err);
    const size_t lines = text.n / LINE_BYTES;
    if (st == HTH_OK && lines > 0) {
        p->known = hth_calloc(lines, sizeof *p->known);
        if (p->known == NULL)
            st = HTH_FAIL(err, HTH_ENOMEM, "out of memory");
        else
            p->count = hth_part_journal(p->known, lines, hth_buf_str(&text), p->plan);
    }
    hth_buf_drop(&text);
    return st;
}

/* The journal: this plan's first line, and the pieces that are known. */
static HthStatus rewrite(HthPart *p, HthErr *err) {
    HthBuf first;
    hth_buf_init(&first, FIRST_BYTES + 1);
    HthStatus st = hth_part_first_line(&first, p->plan, err);
    if (st == HTH_OK) st = shorten(p->log_fd, p->journal, FIRST_BYTES + p->count * LINE_BYTES, err);
    if (st == HTH_OK) st = write_at(p->log_fd, p->journal, 0, first.p, first.n, err);
    hth_buf_drop(&first);
    return st;
}

/* A file under that name alone: not a link, a pipe, or another name of something that is dear. */
static HthStatus open_own(int *fd, const char *path, HthErr *err) {
    struct stat st;
    *fd = hth_file_fault() ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (*fd < 0) return refused(path, "write", err);
    if (fstat(*fd, &st) != 0) return refused(path, "examine", err);
    HTH_REQUIRE(S_ISREG(st.st_mode) && st.st_nlink <= 1, err, HTH_EINVAL,
                "%.150s is not a file of its own; move it away", path);
    return HTH_OK;
}

static HthStatus open_files(HthPart *p, HthErr *err) {
    struct stat held, there;
    HTH_TRY(open_own(&p->fd, p->part, err));
    /* Who held it till now may have moved it to its place: then what is locked is the output. */
    const bool mine = flock(p->fd, LOCK_EX | LOCK_NB) == 0 && fstat(p->fd, &held) == 0 &&
                      stat(p->part, &there) == 0 && held.st_dev == there.st_dev &&
                      held.st_ino == there.st_ino;
    HTH_REQUIRE(mine, err, HTH_EAGAIN, "%.150s is being written by another process", p->path);
    return open_own(&p->log_fd, p->journal, err);
}

HthStatus hth_part_open(HthPart **out, const char *path, const uint8_t plan[HTH_HASH_BYTES],
                        HthErr *err) {
    HTH_REQUIRE(strlen(path) < PATH_MAX - 16, err, HTH_EINVAL, "the output's path is too long");
    HthPart *p = hth_calloc(1, sizeof *p);
    HTH_REQUIRE(p != NULL, err, HTH_ENOMEM, "out of memory");
    p->fd = p->log_fd = -1;
    memcpy(p->plan, plan, HTH_HASH_BYTES);
    snprintf(p->path, sizeof p->path, "%s", path);
    snprintf(p->part, sizeof p->part, "%.*s.part", PATH_MAX - 16, path);
    snprintf(p->journal, sizeof p->journal, "%.*s.part.log", PATH_MAX - 16, path);
    HthStatus st = open_files(p, err);
    if (st == HTH_OK) st = read_journal(p, err);
    if (st == HTH_OK) st = rewrite(p, err);
    if (st == HTH_OK)
        *out = p;
    else
        hth_part_close(&p);
    return st;
}

HthStatus hth_part_room(const HthPart *p, uint64_t bytes, HthErr *err) {
    struct stat st;
    if (fstat(p->fd, &st) != 0) return HTH_OK;
    const uint64_t have = (uint64_t)st.st_blocks * 512;
    return hth_file_room(p->fd, p->path, bytes > have ? bytes - have : 0, err);
}

/* ---- the pieces ---- */

bool hth_part_known(const HthPart *p, size_t i, HthPiece *out) {
    if (i >= p->count || p->known == NULL) return false;
    *out = p->known[i];
    return true;
}

HthStatus hth_part_forget(HthPart *p, size_t i, HthErr *err) {
    if (i >= p->count) return HTH_OK;
    p->count = i;
    return shorten(p->log_fd, p->journal, FIRST_BYTES + i * LINE_BYTES, err);
}

HthStatus hth_part_read(HthPart *p, uint64_t at, void *to, size_t n, HthErr *err) {
    uint8_t *b = to;
    while (n > 0) {
        const ssize_t r = hth_file_fault() ? -1 : pread(p->fd, b, n, (off_t)at);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return refused(p->part, "read", err);
        HTH_REQUIRE(r > 0, err, HTH_EFORMAT, "%.150s is shorter than it was", p->part);
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
    hth_buf_init(&line, LINE_BYTES + 1);
    HthStatus st = hth_part_line(&line, piece, p->plan, err);
    if (st == HTH_OK) {
        HTH_ASSERT(line.n == LINE_BYTES);
        st = write_at(p->log_fd, p->journal, FIRST_BYTES + p->count * LINE_BYTES, line.p, line.n,
                      err);
    }
    if (st == HTH_OK) p->count++;
    hth_buf_drop(&line);
    return st;
}

/* ---- the end ---- */

HthStatus hth_part_sync(HthPart *p, uint64_t bytes, HthErr *err) {
    HTH_TRY(shorten(p->fd, p->part, bytes, err));
    if (!hth_file_fault() && fsync(p->fd) == 0) return HTH_OK;
    const int why = errno;
    unlink(p->journal);
    errno = why;
    return refused(p->part, "complete", err);
}

static HthStatus finish(HthPart *p, HthErr *err) {
    if (hth_file_fault() || rename(p->part, p->path) != 0) return refused(p->path, "replace", err);
    if (hth_file_fault() || (unlink(p->journal) != 0 && errno != ENOENT))
        return refused(p->journal, "remove", err);
    return hth_file_sync_beside(p->path, err);
}

HthStatus hth_part_commit(HthPart **p, HthErr *err) {
    HthStatus st = finish(*p, err);
    hth_part_close(p);
    return st;
}

void hth_part_drop(HthPart **p) {
    if (*p == NULL) return;
    unlink((*p)->journal);
    unlink((*p)->part);
    hth_part_close(p);
}

void hth_part_close(HthPart **p) {
    if (*p == NULL) return;
    if ((*p)->fd >= 0) close((*p)->fd);
    if ((*p)->log_fd >= 0) close((*p)->log_fd);
    hth_free((*p)->known);
    hth_free(*p);
    *p = NULL;
}
