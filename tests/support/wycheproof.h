/* wycheproof.h - files of C2SP's Wycheproof and CCTV: JSON with hexadecimal members.
 *
 * Include after support/test.h. Header only; for tests that link crypt.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_WYCHEPROOF_H
#define HTH_TESTS_SUPPORT_WYCHEPROOF_H

#include "base/json.h"
#include "crypt/hash.h"

typedef struct Hexed {
    uint8_t *p;
    size_t n;
} Hexed;

static inline json_t *vectors_load(const char *path) {
    HthBuf text;
    HthErr err = { 0 };
    json_t *root = NULL;
    test_load(&text, path);
    assert_ok(hth_json_parse(&root, hth_buf_str(&text), (size_t)1 << 26, &err), err);
    hth_buf_drop(&text);
    return root;
}

/* The member's bytes; free .p with hth_free. */
static inline Hexed vector_hex(const json_t *test, const char *member) {
    const json_t *v = json_object_get(test, member);
    assert_true(json_is_string(v));
    const HthStr text = { json_string_value(v), json_string_length(v) };
    const Hexed out = { hth_calloc(text.n / 2 + 1, 1), text.n / 2 };
    assert_true(hth_unhex(out.p, out.n, text));
    return out;
}

static inline const char *vector_result(const json_t *test) {
    return json_string_value(json_object_get(test, "result"));
}

static inline bool vector_has_flag(const json_t *test, const char *flag) {
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(test, "flags"), i, v) {
        if (strcmp(json_string_value(v), flag) == 0) return true;
    }
    return false;
}

/* Every test of every group; returns how many there were. */
static inline size_t vectors_each(const char *path,
                                  void (*one)(const json_t *group, const json_t *test)) {
    json_t *root = vectors_load(path), *group, *test;
    size_t i, j, seen = 0;
    json_array_foreach(json_object_get(root, "testGroups"), i, group) {
        json_array_foreach(json_object_get(group, "tests"), j, test) {
            one(group, test);
            seen++;
        }
    }
    json_decref(root);
    return seen;
}

#endif
