/* statement.c - see statement.h. */
#include "audit/statement.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ---- digests -------------------------------------------------------------------------------- */

void hth_digests(HthDigests *out, const void *bytes, size_t n) {
    hth_hash(HTH_SHA256, bytes, n, out->sha256);
    hth_hash(HTH_SHA3_256, bytes, n, out->sha3_256);
}

bool hth_digests_eq(const HthDigests *a, const HthDigests *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

HthStatus hth_digests_begin(HthDigesting *d, HthErr *err) {
    *d = (HthDigesting){ 0 };
    HTH_TRY(hth_hash_begin(&d->sha256, HTH_SHA256, err));
    const HthStatus st = hth_hash_begin(&d->sha3_256, HTH_SHA3_256, err);
    if (st != HTH_OK) hth_hash_end(&d->sha256, NULL);
    return st;
}

void hth_digests_add(HthDigesting *d, const void *bytes, size_t n) {
    hth_hash_add(&d->sha256, bytes, n);
    hth_hash_add(&d->sha3_256, bytes, n);
}

void hth_digests_end(HthDigesting *d, HthDigests *out) {
    hth_hash_end(&d->sha256, out ? out->sha256 : NULL);
    hth_hash_end(&d->sha3_256, out ? out->sha3_256 : NULL);
}

HthStatus hth_digests_program(HthDigests *out, HthErr *err) {
    static const char name[] = "/proc/self/exe";
    HthDigests d;
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    HTH_REQUIRE(fd >= 0, err, HTH_EIO, "cannot open this program's own file (%s): %s", name,
                strerror(errno));
    HthStatus st = hth_hash_fd(HTH_SHA256, fd, name, NULL, NULL, d.sha256, err);
    if (st == HTH_OK) st = hth_hash_fd(HTH_SHA3_256, fd, name, NULL, NULL, d.sha3_256, err);
    close(fd);
    if (st == HTH_OK) *out = d;
    return st;
}

json_t *hth_digests_json(const HthDigests *d) {
    char sha256[HTH_HASH_HEX + 1], sha3_256[HTH_HASH_HEX + 1];
    hth_hex(sha256, d->sha256, HTH_HASH_BYTES);
    hth_hex(sha3_256, d->sha3_256, HTH_HASH_BYTES);
    return json_pack("{s:s, s:s}", "sha256", sha256, "sha3_256", sha3_256);
}

static bool read_hex(uint8_t out[HTH_HASH_BYTES], const json_t *v) {
    const HthStr text = { json_string_value(v), json_string_length(v) };
    return json_is_string(v) && hth_unhex(out, HTH_HASH_BYTES, text);
}

bool hth_digests_read(HthDigests *out, const json_t *v) {
    HthDigests d;
    if (json_object_size(v) != 2 || !read_hex(d.sha256, json_object_get(v, "sha256")) ||
        !read_hex(d.sha3_256, json_object_get(v, "sha3_256")))
        return false;
    *out = d;
    return true;
}

/* ---- statements ----------------------------------------------------------------------------- */

HthStatus hth_statement_json(json_t **out, const char *subject, const HthDigests *digests,
                             const char *predicate_type, json_t *predicate, HthErr *err) {
    hth_json_init();
    json_t *v = json_pack("{s:s, s:[{s:s, s:o}], s:s, s:o}", "_type", HTH_STATEMENT_TYPE, "subject",
                          "name", subject, "digest", hth_digests_json(digests), "predicateType",
                          predicate_type, "predicate", predicate);
    HTH_REQUIRE(v, err, HTH_ENOMEM, "out of memory for a statement");
    *out = v;
    return HTH_OK;
}

HthStatus hth_statement_read(HthStatement *out, const json_t *v, HthErr *err) {
    const json_t *subjects = json_object_get(v, "subject"), *one = json_array_get(subjects, 0);
    HTH_REQUIRE(hth_str_eq(hth_json_text(v, "_type"), HTH_STR(HTH_STATEMENT_TYPE)), err,
                HTH_EFORMAT, "this is not an in-toto statement of version 1");
    HthStatement s = { .subject = hth_json_text(one, "name"),
                       .predicate_type = hth_json_text(v, "predicateType"),
                       .predicate = json_object_get(v, "predicate") };
    HTH_REQUIRE(json_array_size(subjects) == 1 &&
                    hth_digests_read(&s.digests, json_object_get(one, "digest")),
                err, HTH_EFORMAT, "the statement is not about one thing with both digests");
    HTH_REQUIRE(s.predicate_type.n > 0 && json_is_object(s.predicate), err, HTH_EFORMAT,
                "the statement has no predicate");
    *out = s;
    return HTH_OK;
}
