/* stream_test.c - tokens to text: whole characters at every moment, stops across tokens, and the
 * same text as decoding at once. */
#include "support/test.h"
#include "support/vocab_build.h"

#include "base/rng.h"
#include "text/stream.h"

static Gb gguf;
static Vb bytes; /* byte-level: token i is the byte order[i] */
static uint32_t id_of[256];
static uint32_t control; /* a control token */

static void make(void) {
    static const char *const extra[] = { "\xC4\xA0hello", "lo", "\xC3\xA4\xC2\xB8", "<|call|>",
                                         NULL };
    static int32_t types[VB_MAX];
    static const char *const merges[] = { NULL };
    const char *tokens[VB_MAX];
    VbSpec spec = { .model = "gpt2", .pre = "gpt-2", .tokens = tokens, .merges = merges };
    HthErr err;
    spec.token_n = vb_byte_level(tokens, extra);
    control = (uint32_t)spec.token_n - 1;
    for (uint32_t i = 0; i < spec.token_n; i++)
        types[i] = i == control ? HTH_TOKEN_CONTROL : HTH_TOKEN_NORMAL;
    spec.types = types;
    vb_write(&gguf, &spec);
    HTH_ASSERT(vb_open(&bytes, &gguf, &err) == HTH_OK);
    for (uint32_t id = 0; id < 256; id++) {
        HthBuf out;
        hth_buf_init(&out, 8);
        HTH_ASSERT(hth_vocab_piece(bytes.v, id, false, &out, &err) == HTH_OK && out.n == 1);
        id_of[(uint8_t)out.p[0]] = id;
        hth_buf_drop(&out);
    }
}

/* The text as a stream shows it, with '|' after every put that showed something. */
static const char *streamed(const char *text, const HthStr *stops, size_t stop_n, size_t *stopped,
                            char *room) {
    HthStream *s = NULL;
    HthErr err;
    HthBuf out;
    hth_buf_init(&out, 10000);
    assert_ok(hth_stream_open(&s, bytes.v, stops, stop_n, &err), err);
    for (size_t i = 0; text[i]; i++) {
        size_t before = out.n;
        assert_ok(hth_stream_put(s, id_of[(uint8_t)text[i]], &out, &err), err);
        if (out.n > before) assert_int_equal(hth_buf_add_char(&out, '|', NULL), HTH_OK);
    }
    assert_ok(hth_stream_end(s, &out, &err), err);
    *stopped = hth_stream_stopped(s);
    memcpy(room, hth_buf_str(&out).p, out.n + 1);
    hth_stream_close(&s);
    assert_null(s);
    hth_buf_drop(&out);
    return room;
}

static void characters_stay_whole(void **state) {
    (void)state;
    char room[1000];
    size_t stop;
    assert_string_equal(streamed("", NULL, 0, &stop, room), "");
    assert_string_equal(streamed("ab", NULL, 0, &stop, room), "a|b|");
    assert_string_equal(streamed("\xE4\xB8\xAD!", NULL, 0, &stop, room), "\xE4\xB8\xAD|!|");
    assert_string_equal(streamed("\xF0\x9F\x98\x80", NULL, 0, &stop, room), "\xF0\x9F\x98\x80|");
    assert_string_equal(streamed("a\xFFz", NULL, 0, &stop, room), "a|\xEF\xBF\xBD|z|");
    assert_string_equal(streamed("\xE4\xB8z", NULL, 0, &stop, room), "\xEF\xBF\xBDz|");
    assert_string_equal(streamed("\xE4\xB8", NULL, 0, &stop, room), "\xEF\xBF\xBD");
    /* an overlong form and a surrogate: one replacement for each byte that begins nothing */
    assert_string_equal(streamed("\xC0\x80", NULL, 0, &stop, room), "\xEF\xBF\xBD|\xEF\xBF\xBD|");
    assert_string_equal(streamed("\xED\xA0", NULL, 0, &stop, room), "\xEF\xBF\xBD\xEF\xBF\xBD|");
    assert_true(stop == SIZE_MAX);
}

static void stops(void **state) {
    (void)state;
    static const HthStr two[] = { HTH_STR("STOP"), HTH_STR("TOMATO") };
    static const HthStr nested[] = { HTH_STR("abcd"), HTH_STR("bc"), HTH_STR("c") };
    static const HthStr lines[] = { HTH_STR("\n\n") };
    char room[1000];
    size_t stop;
    assert_string_equal(streamed("xSTOPy", two, 2, &stop, room), "x|");
    assert_int_equal(stop, 0);
    assert_string_equal(streamed("STx", two, 2, &stop, room), "STx|");
    assert_true(stop == SIZE_MAX);
    assert_string_equal(streamed("STOMATO", two, 2, &stop, room), "S|");
    assert_int_equal(stop, 1);
    assert_string_equal(streamed("xST", two, 2, &stop, room), "x|ST"); /* let go at the end */
    assert_string_equal(streamed("abcd", nested, 3, &stop, room), "a|"); /* first complete: bc, c */
    assert_int_equal(stop, 1); /* of the two the longer */
    assert_string_equal(streamed("a\n\n\nb", lines, 1, &stop, room), "a|");
    assert_string_equal(streamed("a\nb\n", lines, 1, &stop, room), "a|\nb|\n");
}

static void bad_stops(void **state) {
    (void)state;
    static const HthStr empty[] = { HTH_STR("a"), HTH_STR("") };
    static const HthStr half[] = { HTH_STR("\xB8") };
    HthStream *s = NULL;
    HthErr err;
    assert_status(hth_stream_open(&s, bytes.v, empty, 2, &err), HTH_EINVAL, err);
    assert_status(hth_stream_open(&s, bytes.v, half, 1, &err), HTH_EINVAL, err);
    assert_null(s);
}

static void repaired(HthStr raw, HthBuf *out) {
    while (raw.n) { /* Python's errors="replace", written again */
        uint32_t cp;
        size_t n = hth_utf8_decode(raw, &cp), k = 1;
        if (n) {
            assert_int_equal(hth_buf_add(out, raw.p, n, NULL), HTH_OK);
            raw = hth_str_sub(raw, n, SIZE_MAX);
            continue;
        }
        for (; k < 4 && k < raw.n; k++) { /* the longest beginning of some valid character */
            static const char *const fill[] = { "\x80\x80\x80", "\xA0\x80\x80", "\x90\x80\x80",
                                                "\xBF\xBF\xBF" };
            bool possible = false;
            for (size_t f = 0; f < 4 && !possible; f++) {
                char guess[8];
                memcpy(guess, raw.p, k + 1);
                memcpy(guess + k + 1, fill[f], 3);
                for (size_t len = k + 1; len <= 4; len++) {
                    possible |= hth_utf8_decode((HthStr){ guess, len }, &cp) == len;
                }
            }
            if (!possible) break;
        }
        assert_int_equal(hth_buf_add(out, "\xEF\xBF\xBD", 3, NULL), HTH_OK);
        raw = hth_str_sub(raw, k, SIZE_MAX);
    }
}

/* Random ids: at every moment valid UTF-8, in the end the repaired whole decoding, cut where a
 * search of the whole text finds the first stop. */
static void like_decoding_at_once(void **state) {
    (void)state;
    static const HthStr all_stops[] = { HTH_STR("ab"), HTH_STR("bab"),
                                        HTH_STR("\xEF\xBF\xBD"
                                                "a"),
                                        HTH_STR("hello hello") };
    for (uint32_t round = 0; round < 6000; round++) {
        uint32_t ids[64], n = hth_rng_below(1, round, 0, 64), mode = round % 3;
        size_t stop_n = hth_rng_below(1, round, 1, 5), end = SIZE_MAX, which = SIZE_MAX;
        HthBuf raw, want, got;
        HthErr err;
        HthStream *s = NULL;
        hth_buf_init(&raw, 10000);
        hth_buf_init(&want, 10000);
        hth_buf_init(&got, 10000);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t pick = hth_rng_u32(2, round, i);
            ids[i] = mode == 0   ? pick % hth_vocab_count(bytes.v)
                     : mode == 1 ? id_of[(uint8_t) "aab\xE4\xB8\xADlo"[pick % 8]]
                                 : (pick % 2 ? 256 : id_of[(uint8_t) "ab h"[pick / 2 % 4]]);
        }
        assert_ok(hth_vocab_decode(bytes.v, ids, n, false, &raw, &err), err);
        repaired(hth_buf_str(&raw), &want);
        for (size_t e = 1; e <= want.n && which == SIZE_MAX; e++) {
            size_t longest = 0;
            for (size_t k = 0; k < stop_n && k < 4; k++) {
                if (!hth_str_ends((HthStr){ want.p, e }, all_stops[k])) continue;
                if (all_stops[k].n > longest) which = k, longest = all_stops[k].n;
            }
            if (longest) end = e - longest;
        }
        if (end != SIZE_MAX) want.n = end;
        stop_n = stop_n < 4 ? stop_n : 4;
        assert_ok(hth_stream_open(&s, bytes.v, all_stops, stop_n, &err), err);
        for (uint32_t i = 0; i < n; i++) {
            assert_ok(hth_stream_put(s, ids[i], &got, &err), err);
            assert_true(hth_utf8_valid(hth_buf_str(&got)));
            assert_true(hth_str_starts(hth_buf_str(&want), hth_buf_str(&got)));
        }
        assert_ok(hth_stream_end(s, &got, &err), err);
        assert_int_equal(got.n, want.n);
        assert_true(hth_str_starts(hth_buf_str(&want), hth_buf_str(&got)));
        assert_true(hth_stream_stopped(s) == which);
        hth_stream_close(&s);
        hth_buf_drop(&raw);
        hth_buf_drop(&want);
        hth_buf_drop(&got);
    }
}

static void control_tokens_when_asked(void **state) {
    (void)state;
    for (int shown = 0; shown < 2; shown++) {
        HthStream *s = NULL;
        HthErr err;
        HthBuf out;
        hth_buf_init(&out, 100);
        HthStreamCfg cfg = { .specials = shown };
        assert_ok(hth_stream_open_cfg(&s, bytes.v, &cfg, &err), err);
        assert_ok(hth_stream_put(s, id_of['a'], &out, &err), err);
        assert_ok(hth_stream_put(s, control, &out, &err), err);
        assert_ok(hth_stream_put(s, id_of['b'], &out, &err), err);
        assert_ok(hth_stream_end(s, &out, &err), err);
        assert_string_equal(out.p, shown ? "a<|call|>b" : "ab");
        hth_stream_close(&s);
        hth_buf_drop(&out);
    }
}

/* What completes a text may begin inside a character, and no stop string cuts it. */
static void closing(void **state) {
    (void)state;
    static const HthStr stop[] = { HTH_STR("xy}") };
    static const struct {
        const char *text, *closing, *want;
        size_t held_n;
    } rows[] = {
        { "a", "}", "a}", 0 },
        { "a\xE4\xB8", "\xAD\"}", "a\xE4\xB8\xAD\"}", 0 },
        { "ax\xE4\xB8", "", "ax\xEF\xBF\xBD", 1 },
        { "axy", "}", "axy}", 2 },
        { "axy", "", "axy", 2 },
    };
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        HthStream *s = NULL;
        HthErr err;
        HthBuf out;
        size_t held = 99;
        hth_buf_init(&out, 100);
        assert_ok(hth_stream_open(&s, bytes.v, stop, 1, &err), err);
        for (const char *p = rows[i].text; *p; p++)
            assert_ok(hth_stream_put(s, id_of[(uint8_t)*p], &out, &err), err);
        assert_ok(hth_stream_finish(s, hth_str(rows[i].closing), &out, &held, &err), err);
        assert_string_equal(out.p, rows[i].want);
        assert_int_equal(held, rows[i].held_n);
        assert_true(hth_stream_stopped(s) == SIZE_MAX);
        hth_stream_close(&s);
        hth_buf_drop(&out);
    }
}

/* With piece_max no token makes the stream allocate, nor gives more than it says. */
static void reserved(void **state) {
    (void)state;
    static const HthStr stop[] = { HTH_STR("hellohellohellohellohellohellohellohellohello!"),
                                   HTH_STR("zz") };
    HthStream *s = NULL;
    HthErr err;
    HthBuf out;
    hth_buf_init(&out, 1 << 20);
    assert_ok(hth_buf_reserve(&out, 1 << 16, &err), err);
    HthStreamCfg cfg = { .stops = stop, .stop_count = 2, .specials = true, .piece_max = 8 };
    assert_ok(hth_stream_open_cfg(&s, bytes.v, &cfg, &err), err);
    const uint64_t calls = hth_mem_calls();
    for (uint32_t i = 0; i < 3000; i++) {
        const size_t before = out.n;
        const uint32_t id = i % 50 < 30 ? 256 : hth_rng_below(3, 1, i, control + 1);
        assert_ok(hth_stream_put(s, id, &out, &err), err);
        assert_true(out.n - before <= hth_stream_out_max(s, 8));
    }
    assert_int_equal(hth_mem_calls(), calls);
    hth_stream_close(&s);
    hth_buf_drop(&out);
    cfg.piece_max = SIZE_MAX / 2;
    assert_status(hth_stream_open_cfg(&s, bytes.v, &cfg, &err), HTH_ELIMIT, err);
}

static HthStatus run(void *ctx) {
    static const HthStr two[] = { HTH_STR("lol"), HTH_STR("\n") };
    HthStream *s = NULL;
    HthBuf out;
    (void)ctx;
    hth_buf_init(&out, 1000);
    HthStatus status = hth_stream_open(&s, bytes.v, two, 2, NULL);
    for (uint32_t i = 0; status == HTH_OK && i < 40; i++) {
        status = hth_stream_put(s, i % 2 ? 257 : i, &out, NULL);
    }
    if (status == HTH_OK) status = hth_stream_end(s, &out, NULL);
    hth_buf_drop(&out);
    hth_stream_close(&s);
    return status;
}

static void exhaustion(void **state) {
    (void)state;
    assert_true(test_torture(run, NULL, 100) >= 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_stay_whole),
        cmocka_unit_test(stops),
        cmocka_unit_test(bad_stops),
        cmocka_unit_test(like_decoding_at_once),
        cmocka_unit_test(control_tokens_when_asked),
        cmocka_unit_test(closing),
        cmocka_unit_test(reserved),
        cmocka_unit_test(exhaustion),
    };
    make();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    vb_close(&bytes);
    return failed;
}
