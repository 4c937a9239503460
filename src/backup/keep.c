/* keep.c - see keep.h.
 *
 * Thread: one at a time. */
#include "backup/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

enum { INDEX_MAX = 8 << 20, COUNT_MAX = 1000, DAY_S = 86400 };
#define INDEX "hearth-backups.json"

/* ---- the rule -------------------------------------------------------------------------------- */

HthStatus hth_keep_parse(HthKeepRule *out, HthStr text, HthErr *err) {
    HthKeepRule rule = { 0 };
    const struct {
        const char *name;
        uint32_t *count;
    } words[] = { { "daily=", &rule.daily },
                  { "weekly=", &rule.weekly },
                  { "monthly=", &rule.monthly },
                  { "days=", &rule.days } };
    while (text.n) {
        const size_t end = hth_str_find(text, HTH_STR(","));
        const HthStr one = hth_str_sub(text, 0, end);
        text = hth_str_sub(text, end == SIZE_MAX ? text.n : end + 1, SIZE_MAX);
        bool known = false;
        for (size_t i = 0; i < HTH_COUNT(words); i++) {
            const HthStr name = hth_str(words[i].name);
            uint64_t n = 0;
            if (!hth_str_starts(one, name) ||
                !hth_str_u64(hth_str_sub(one, name.n, SIZE_MAX), &n) || n > COUNT_MAX)
                continue;
            *words[i].count = (uint32_t)n;
            known = true;
        }
        HTH_REQUIRE(known, err, HTH_EINVAL,
                    "what to keep is told like " HTH_KEEP_RULE " (each up to %d)", COUNT_MAX);
    }
    HTH_REQUIRE(rule.daily || rule.weekly || rule.monthly, err, HTH_EINVAL,
                "what to keep is told like " HTH_KEEP_RULE ", and not nothing");
    *out = rule;
    return HTH_OK;
}

/* Which day, week or month a time is in, as a number that grows. */
static int64_t day_of(int64_t s) {
    return s / DAY_S - (s % DAY_S < 0);
}
static int64_t week_of(int64_t s) {
    return (day_of(s) + 3) / 7; /* 1970 began on a Thursday */
}
static int64_t month_of(int64_t s) {
    struct tm tm;
    const time_t t = (time_t)s;
    return gmtime_r(&t, &tm) ? (int64_t)tm.tm_year * 12 + tm.tm_mon : 0;
}

HthStatus hth_keep_choose(HthShelved *all, size_t n, const HthKeepRule *rule, int64_t now_s,
                          HthErr *err) {
    const struct {
        uint32_t count;
        int64_t (*of)(int64_t s);
    } spans[] = { { rule->daily, day_of }, { rule->weekly, week_of }, { rule->monthly, month_of } };
    for (size_t i = 0; i < n; i++) all[i].go = false;
    HTH_REQUIRE(!n || all[0].made_s <= now_s, err, HTH_EINVAL,
                "%s is from after now: the clock is wrong, or was; no backup is removed. Put it "
                "right, or move that file away",
                all[0].name);
    for (size_t i = 1; i < n; i++) all[i].go = true;
    for (size_t k = 0; k < HTH_COUNT(spans); k++) {
        int64_t last = INT64_MAX;
        uint32_t left = spans[k].count;
        for (size_t i = 0; i < n && left; i++) {
            const int64_t span = spans[k].of(all[i].made_s);
            if (span == last) continue;
            last = span;
            all[i].go = false;
            left--;
        }
    }
    for (size_t i = 1; rule->days && i < n; i++)
        if (all[0].made_s - all[i].made_s > (int64_t)rule->days * DAY_S) all[i].go = true;
    return HTH_OK;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static const char form[] = "hearth-%Y%m%dT%H%M%SZ.age";

void hth_shelf_name(char out[HTH_SHELF_NAME], int64_t made_s) {
    struct tm tm = { 0 };
    const time_t t = (time_t)made_s;
    (void)gmtime_r(&t, &tm);
    const size_t n = strftime(out, HTH_SHELF_NAME, form, &tm);
    HTH_ASSERT(n > 0);
}

static bool time_of(const char *name, int64_t *out) {
    struct tm tm = { 0 };
    char again[HTH_SHELF_NAME];
    const char *end = strptime(name, form, &tm);
    if (!end || *end) return false;
    *out = (int64_t)timegm(&tm);
    hth_shelf_name(again, *out);
    return strcmp(again, name) == 0;
}

static bool is_ours(const void *payload, HthStr target) {
    char name[HTH_SHELF_NAME];
    int64_t ignored;
    (void)payload;
    if (hth_str_eq(target, HTH_STR(INDEX))) return true;
    if (target.n >= sizeof name) return false;
    memcpy(name, target.p, target.n);
    name[target.n] = 0;
    return time_of(name, &ignored);
}

void hth_shelf_clear_left(const char *folder) {
    hth_file_clear_left(folder, is_ours, NULL);
}

static HthStatus path_of(char out[PATH_MAX], const char *folder, const char *name, HthErr *err) {
    const int n = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    HTH_REQUIRE(n > 0 && n < PATH_MAX, err, HTH_ELIMIT, "a path is too long: %.150s", folder);
    return HTH_OK;
}

static int newest_first(const void *a, const void *b) {
    const HthShelved *x = a, *y = b;
    return (x->made_s < y->made_s) - (x->made_s > y->made_s);
}

/* false: not a row. */
static bool take_row(HthShelved *k, const json_t *row) {
    const HthStr name = hth_json_text(row, "name"), sum = hth_json_text(row, "sha256");
    const json_t *bytes = json_object_get(row, "bytes");
    uint8_t raw[HTH_HASH_BYTES];
    *k = (HthShelved){ .bytes = (uint64_t)json_integer_value(bytes) };
    if (!name.n || name.n >= sizeof k->name || memchr(name.p, 0, name.n)) return false;
    memcpy(k->name, name.p, name.n);
    if (!hth_unhex(raw, sizeof raw, sum)) return false;
    hth_hex(k->sha256, raw, sizeof raw);
    return json_is_integer(bytes) && json_integer_value(bytes) >= 0 && time_of(k->name, &k->made_s);
}

static HthStatus read_index(json_t **out, const char *folder, HthErr *err) {
    char path[PATH_MAX];
    HthBuf text;
    bool there;
    HTH_TRY(path_of(path, folder, INDEX, err));
    HTH_TRY(hth_file_there(&there, path, err));
    if (!there) {
        *out = json_array();
        HTH_REQUIRE(*out, err, HTH_ENOMEM, "out of memory for a list of backups");
        return HTH_OK;
    }
    hth_buf_init(&text, INDEX_MAX);
    HthStatus status = hth_file_read(&text, path, err);
    if (status == HTH_OK) status = hth_json_parse(out, hth_buf_str(&text), INDEX_MAX, err);
    hth_buf_drop(&text);
    if (status == HTH_OK && (!json_is_array(*out) || json_array_size(*out) > HTH_SHELF_MAX)) {
        json_decref(*out);
        status = HTH_FAIL(err, HTH_EFORMAT, "%.150s is not a list of backups", path);
    }
    return status;
}

static HthStatus write_index(json_t *rows, const char *folder, HthErr *err) {
    char path[PATH_MAX];
    HthBuf text;
    HTH_TRY(path_of(path, folder, INDEX, err));
    hth_buf_init(&text, INDEX_MAX);
    HthStatus status = hth_json_write(&text, rows, 1, err);
    if (status == HTH_OK) status = hth_file_write(path, text.p, text.n, 0600, err);
    hth_buf_drop(&text);
    return status;
}

HthStatus hth_shelf_list(HthShelved **out, size_t *n, const char *folder, HthErr *err) {
    json_t *rows = NULL, *row;
    size_t i, count = 0;
    HTH_TRY(read_index(&rows, folder, err));
    HthShelved *all = hth_calloc(json_array_size(rows), sizeof *all);
    HthStatus status = all ? HTH_OK : HTH_FAIL(err, HTH_ENOMEM, "out of memory for a list");
    json_array_foreach(rows, i, row) {
        char path[PATH_MAX];
        struct stat st;
        if (status == HTH_OK && !take_row(&all[count], row))
            status = HTH_FAIL(err, HTH_EFORMAT, "row %zu of %.100s/" INDEX " is no backup", i + 1,
                              folder);
        if (status == HTH_OK) status = path_of(path, folder, all[count].name, err);
        if (status == HTH_OK && !lstat(path, &st) && S_ISREG(st.st_mode)) count++;
    }
    json_decref(rows);
    if (status == HTH_OK) {
        qsort(all, count, sizeof *all, newest_first);
        *out = all;
        *n = count;
    } else {
        hth_free(all);
    }
    return status;
}

void hth_shelf_drop(HthShelved **all) {
    hth_free(*all);
    *all = NULL;
}

static HthStatus digest(const char *path, char hex[HTH_HASH_HEX + 1], uint64_t *bytes,
                        HthErr *err) {
    uint8_t sum[HTH_HASH_BYTES];
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open %.150s: %s", path, strerror(errno));
    HthStatus status = hth_hash_fd(HTH_SHA256, fd, path, NULL, NULL, sum, err);
    *bytes = fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
    close(fd);
    if (status == HTH_OK) hth_hex(hex, sum, sizeof sum);
    return status;
}

/* Two backups within one second are one file: the row of the first would say it was changed. */
static void drop_rows(json_t *rows, const char *name) {
    for (size_t i = json_array_size(rows); i-- > 0;)
        if (hth_str_eq(hth_json_text(json_array_get(rows, i), "name"), hth_str(name)))
            (void)json_array_remove(rows, i);
}

HthStatus hth_shelf_add(const char *folder, const char *name, HthErr *err) {
    char path[PATH_MAX], hex[HTH_HASH_HEX + 1];
    uint64_t bytes = 0;
    json_t *rows = NULL;
    HTH_TRY(path_of(path, folder, name, err));
    HTH_TRY(digest(path, hex, &bytes, err));
    HTH_TRY(read_index(&rows, folder, err));
    HthStatus status = HTH_OK;
    drop_rows(rows, name);
    if (json_array_append_new(rows, json_pack("{s:s, s:I, s:s}", "name", name, "bytes",
                                              (json_int_t)bytes, "sha256", hex)))
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a list of backups");
    if (status == HTH_OK) status = write_index(rows, folder, err);
    json_decref(rows);
    return status;
}

/* *is: still what was written. */
static HthStatus as_written(const char *folder, const HthShelved *k, bool *is, HthErr *err) {
    char path[PATH_MAX], hex[HTH_HASH_HEX + 1];
    uint64_t bytes = 0;
    HTH_TRY(path_of(path, folder, k->name, err));
    HTH_TRY(digest(path, hex, &bytes, err));
    *is = bytes == k->bytes && strcmp(hex, k->sha256) == 0;
    return HTH_OK;
}

HthStatus hth_shelf_remove(const char *folder, HthShelved *all, size_t n, HthErr *err) {
    bool is = true, some = false;
    if (n) HTH_TRY(as_written(folder, &all[0], &is, err));
    HTH_REQUIRE(is, err, HTH_EFORMAT, "%s is not what was written: no older backup is removed",
                all[0].name);
    json_t *rows = json_array();
    HTH_REQUIRE(rows, err, HTH_ENOMEM, "out of memory for a list of backups");
    HthStatus status = HTH_OK;
    for (size_t i = 0; status == HTH_OK && i < n; i++) {
        char path[PATH_MAX];
        if (all[i].go) {
            status = as_written(folder, &all[i], &is, err);
            if (status == HTH_OK && !is) all[i].go = false;
        }
        if (status == HTH_OK && all[i].go) {
            status = path_of(path, folder, all[i].name, err);
            if (status == HTH_OK && unlink(path))
                status = HTH_FAIL(err, HTH_EIO, "cannot remove %.150s: %s", path, strerror(errno));
            some = true;
        } else if (json_array_append_new(rows, json_pack("{s:s, s:I, s:s}", "name", all[i].name,
                                                         "bytes", (json_int_t)all[i].bytes,
                                                         "sha256", all[i].sha256))) {
            status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for a list of backups");
        }
    }
    if (status == HTH_OK && some) status = write_index(rows, folder, err);
    json_decref(rows);
    return status;
}
