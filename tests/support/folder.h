/* folder.h - a folder of a test's own: made, filled, summed up, removed.
 *
 * test_folder_make and test_folder_drop are a cmocka setup and teardown.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_FOLDER_H
#define HTH_TESTS_SUPPORT_FOLDER_H

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/sum.h"
#include "support/test.h"

static char test_folder[64];

static inline int test_folder_make(void **state) {
    (void)state;
    snprintf(test_folder, sizeof test_folder, "/tmp/hearth-test-XXXXXX");
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int test_remove_one_(const char *path, const struct stat *st, int type,
                                   struct FTW *at) {
    (void)st;
    (void)at;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

static inline int test_folder_drop(void **state) {
    (void)state;
    return nftw(test_folder, test_remove_one_, 16, FTW_PHYS | FTW_DEPTH);
}

/* A path in the folder; good until the fourth call from now. */
static inline const char *test_path(const char *name) {
    static char path[4][320];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", test_folder, name);
    return path[turn];
}

/* Writes a file, and makes the folders it is in. */
static inline void test_put(const char *name, const char *text) {
    char path[320];
    snprintf(path, sizeof path, "%s/%s", test_folder, name);
    for (char *p = strchr(path + strlen(test_folder) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(path, 0700);
        *p = '/';
    }
    FILE *f = fopen(path, "w");
    if (!f || fwrite(text, 1, strlen(text), f) != strlen(text) || fclose(f))
        fail_msg("cannot write %s", path);
}

/* Entries of a folder in it; 0 when it is not there. */
static inline int test_entries(const char *name) {
    int n = 0;
    DIR *d = opendir(test_path(name));
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n > 2 ? n - 2 : 0;
}

static uint64_t test_sum_;
static const char *test_sum_but_;
static inline int test_sum_one_(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)at;
    if (!strncmp(path, test_sum_but_, strlen(test_sum_but_))) return 0;
    uint64_t one = hth_sum64(1, path, strlen(path));
    if (type == FTW_F) {
        HthBuf text;
        test_load(&text, path);
        one = hth_sum64(one, text.p ? text.p : "", text.n);
        one = hth_sum64(one, &st->st_mtim, sizeof st->st_mtim);
        hth_buf_drop(&text);
    }
    test_sum_ += one;
    return 0;
}

/* Names, bytes and times of everything in the folder but what lies under `but`. */
static inline uint64_t test_folder_sum(const char *but) {
    test_sum_ = 0;
    test_sum_but_ = test_path(but);
    nftw(test_folder, test_sum_one_, 16, FTW_PHYS);
    return test_sum_;
}

#endif
