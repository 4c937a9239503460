/* readahead_test.c - what is read ahead, what is let go, and that bytes never change. */
#include "support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/readahead.h"
#include "base/rng.h"

enum { COUNT = 16, PIECE = 1 << 17, N = COUNT * PIECE };

static char path[] = "/tmp/readahead_test.XXXXXX";
static uint8_t bytes[N];
static HthFileMap map;
static HthPiece pieces[COUNT]; /* every third one is kept */

static int make(void **state) {
    (void)state;
    const int fd = mkstemp(path);
    for (size_t i = 0; i < N; i++) bytes[i] = (uint8_t)(i * 31 >> 5);
    if (fd < 0 || write(fd, bytes, N) != N || fsync(fd)) return 1;
    close(fd);
    if (hth_file_map(&map, path, NULL) != HTH_OK) return 1;
    for (uint32_t i = 0; i < COUNT; i++)
        pieces[i] = (HthPiece){ &map, map.data + (size_t)i * PIECE, PIECE, i % 3 == 0 };
    return 0;
}

static int drop(void **state) {
    (void)state;
    hth_file_unmap(&map);
    return unlink(path);
}

/* Is all of a piece in memory, or any of it? */
static bool there(uint32_t i, bool all) {
    unsigned char in[PIECE / 4096 + 1];
    const size_t pages = PIECE / (size_t)sysconf(_SC_PAGESIZE);
    size_t n = 0;
    assert_int_equal(mincore((void *)(uintptr_t)pieces[i].p, PIECE, in), 0);
    for (size_t k = 0; k < pages; k++) n += in[k] & 1;
    return all ? n == pages : n > 0;
}

/* The disk takes its time. */
static void becomes(uint32_t i, bool here) {
    for (int k = 0; k < 5000 && there(i, here) != here; k++) usleep(1000);
    if (there(i, here) != here) fail_msg("piece %u should%s be in memory", i, here ? "" : " not");
}

/* Files in memory never leave it: nothing to see there. */
static bool leaves_memory(void) {
    hth_file_let_go(&map, map.data, map.n);
    for (uint32_t i = 0; i < COUNT; i++)
        if (there(i, false)) return false;
    return true;
}

static void reads_what_comes_and_lets_go_of_what_was(void **state) {
    (void)state;
    if (!leaves_memory()) skip();
    HthReadahead *r = NULL;
    assert_int_equal(hth_readahead_open(&r, pieces, COUNT, 4 * PIECE, NULL), HTH_OK);
    hth_readahead_settle(r);
    for (uint32_t i = 0; i < COUNT; i++) assert_false(there(i, false)); /* nobody has begun */
    hth_readahead_at(r, 0, 0);
    hth_readahead_settle(r);
    for (uint32_t i = 0; i < 5; i++) becomes(i, true); /* 1, 2 and 4 pass; 0 and 3 are kept */
    for (uint32_t i = 5; i < COUNT; i++) becomes(i, false);
    hth_readahead_at(r, 8, 8);
    hth_readahead_settle(r);
    const bool at8[COUNT] = {
        [0] = true, [3] = true, [8] = true, [9] = true, [10] = true, [11] = true
    };
    for (uint32_t i = 0; i < COUNT; i++) becomes(i, at8[i]);
    hth_readahead_at(r, 10, 10);
    hth_readahead_settle(r);
    becomes(8, true); /* a little behind stays: other threads may be there */
    becomes(13, true);
    hth_readahead_at(r, 14, 14); /* and it begins again */
    hth_readahead_settle(r);
    const bool at14[COUNT] = { [0] = true, [1] = true,  [2] = true,  [3] = true,
                               [9] = true, [12] = true, [13] = true, [14] = true };
    for (uint32_t i = 0; i < COUNT; i++)
        if (i != 15) becomes(i, at14[i]);
    hth_readahead_close(&r);
    assert_null(r);
    assert_memory_equal(map.data, bytes, N);
}

static void any_order_reads_the_same(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 8; round++) {
        HthReadahead *r = NULL;
        const size_t window = (size_t)hth_rng_below(7, round, 0, 2 * N);
        assert_int_equal(hth_readahead_open(&r, pieces, COUNT, window, NULL), HTH_OK);
        for (uint32_t k = 0; k < 200; k++) {
            const uint32_t i = hth_rng_below(7, round, k + 1, COUNT);
            hth_readahead_at(r, i, i + hth_rng_below(8, round, k, COUNT - i));
            assert_memory_equal(pieces[i].p, bytes + (size_t)i * PIECE, PIECE);
        }
        hth_readahead_close(&r); /* while it works, as a rule */
    }
    hth_readahead_close(&(HthReadahead *){ NULL });
}

static HthStatus open_and_close(void *ctx) {
    HthReadahead *r = NULL;
    const HthStatus st = hth_readahead_open(&r, ctx, COUNT, PIECE, NULL);
    hth_readahead_close(&r);
    return st;
}

static void without_memory(void **state) {
    (void)state;
    assert_int_equal(test_torture(open_and_close, pieces, 20), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_comes_and_lets_go_of_what_was),
        cmocka_unit_test(any_order_reads_the_same),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
