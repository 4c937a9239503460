/* tar.c - see tar.h.
 *
 * Thread: any. */
#include "backup/tar.h"

#include <string.h>

/* Where the members of a head lie, and how long they are. */
enum {
    NAME = 0,
    NAME_N = 100,
    MODE = 100,
    UID = 108,
    GID = 116,
    SIZE = 124,
    SIZE_N = 12,
    TIME = 136,
    TIME_N = 12,
    SUM = 148,
    SUM_N = 8,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_N = 155
};
#define OCTAL_MAX ((UINT64_C(1) << 33) - 1)
static const char magic[8] = { 'u', 's', 't', 'a', 'r', 0, '0', '0' };

unsigned hth_tar_padding(uint64_t bytes) {
    return (unsigned)(-bytes % HTH_TAR_BLOCK);
}

/* The slash that a long name is split at; 0: it is short; SIZE_MAX: there is no room for it. */
static size_t split(HthStr name) {
    if (name.n <= NAME_N) return 0;
    for (size_t i = name.n - NAME_N - 1; i < name.n && i <= PREFIX_N; i++)
        if (i && name.p[i] == '/') return i;
    return SIZE_MAX;
}

bool hth_tar_name_ok(HthStr name) {
    if (!name.n || name.n > HTH_TAR_NAME_MAX || !hth_utf8_valid(name)) return false;
    for (size_t from = 0, i = 0; i <= name.n; i++) {
        if (i < name.n && name.p[i] != '/') {
            if ((uint8_t)name.p[i] < 0x20 || name.p[i] == 0x7F) return false;
            continue;
        }
        const HthStr part = hth_str_sub(name, from, i - from);
        if (!part.n || hth_str_eq(part, HTH_STR(".")) || hth_str_eq(part, HTH_STR("..")))
            return false;
        from = i + 1;
    }
    return split(name) != SIZE_MAX;
}

static void octal(uint8_t *out, size_t n, uint64_t v) {
    out[n - 1] = 0;
    for (size_t i = n - 1; i-- > 0; v >>= 3) out[i] = (uint8_t)('0' + (v & 7));
}

/* Also of a field that ends in a blank; false: something else is there. */
static bool unoctal(const uint8_t *p, size_t n, uint64_t *out) {
    uint64_t v = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        if (p[i] < '0' || p[i] > '7') return false;
        v = v << 3 | (uint64_t)(p[i] - '0');
    }
    *out = v;
    return p[n - 1] == 0;
}

static void put_size(uint8_t *out, uint64_t v) {
    if (v <= OCTAL_MAX) {
        octal(out, SIZE_N, v);
        return;
    }
    memset(out, 0, SIZE_N);
    out[0] = 0x80;
    for (unsigned i = 0; i < 8; i++) out[SIZE_N - 1 - i] = (uint8_t)(v >> 8 * i);
}

static bool get_size(const uint8_t *p, uint64_t *out) {
    uint64_t v = 0;
    if (p[0] != 0x80) return unoctal(p, SIZE_N, out);
    for (unsigned i = 1; i < SIZE_N; i++) {
        if (i < SIZE_N - 8 && p[i]) return false;
        v = v << 8 | p[i];
    }
    *out = v;
    return v > OCTAL_MAX && v <= INT64_MAX;
}

/* The sum of all bytes, its own field counted as blanks. */
static void put_sum(uint8_t *block) {
    uint32_t sum = 0;
    memset(block + SUM, ' ', SUM_N);
    for (unsigned i = 0; i < HTH_TAR_BLOCK; i++) sum += block[i];
    octal(block + SUM, SUM_N - 1, sum);
}

HthStatus hth_tar_print(uint8_t out[HTH_TAR_BLOCK], HthStr name, uint64_t bytes, int64_t time_s,
                        HthErr *err) {
    HTH_REQUIRE(hth_tar_name_ok(name), err, HTH_EINVAL,
                "a file's name does not go into a backup: UTF-8 without control characters, parts "
                "of at most 100 bytes and %d in all",
                HTH_TAR_NAME_MAX);
    const size_t at = split(name);
    const HthStr base = at ? hth_str_sub(name, at + 1, SIZE_MAX) : name;
    memset(out, 0, HTH_TAR_BLOCK);
    memcpy(out + NAME, base.p, base.n);
    memcpy(out + PREFIX, name.p, at);
    octal(out + MODE, 8, 0600);
    octal(out + UID, 8, 0);
    octal(out + GID, 8, 0);
    put_size(out + SIZE, bytes);
    octal(out + TIME, TIME_N, time_s > 0 ? (uint64_t)time_s & OCTAL_MAX : 0);
    out[TYPE] = '0';
    memcpy(out + MAGIC, magic, sizeof magic);
    put_sum(out);
    return HTH_OK;
}

HthStatus hth_tar_parse(HthTarHead *out, const uint8_t block[HTH_TAR_BLOCK], HthErr *err) {
    static const uint8_t zeros[HTH_TAR_BLOCK];
    HthTarHead head = { .end = memcmp(block, zeros, sizeof zeros) == 0 };
    if (!head.end) {
        uint8_t again[HTH_TAR_BLOCK];
        uint64_t time = 0;
        const size_t prefix = strnlen((const char *)block + PREFIX, PREFIX_N),
                     base = strnlen((const char *)block + NAME, NAME_N);
        size_t n = prefix;
        memcpy(head.name, block + PREFIX, prefix);
        if (prefix) head.name[n++] = '/';
        HTH_REQUIRE(n + base <= HTH_TAR_NAME_MAX, err, HTH_EFORMAT,
                    "the archive has a name that is too long");
        memcpy(head.name + n, block + NAME, base);
        const bool fine =
            get_size(block + SIZE, &head.bytes) && unoctal(block + TIME, TIME_N, &time) &&
            hth_tar_print(again, hth_str(head.name), head.bytes, (int64_t)time, NULL) == HTH_OK;
        HTH_REQUIRE(fine && memcmp(again, block, sizeof again) == 0, err, HTH_EFORMAT,
                    "the archive has something that hearth does not write: not a plain file, or a "
                    "damaged head");
    }
    *out = head;
    return HTH_OK;
}
