/* reader.c - a bounds-checked walk over a GGUF file's bytes, and sentences about what is wrong.
 *
 * Not a parser: it knows numbers, strings and where it stands.
 *
 * Thread: one owner. */
#include "gguf/gguf_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/name.h"
#include "base/num.h"

static bool cp_is_control(uint32_t cp) {
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029;
}

void hth_gguf_shown(HthStr s, char out[HTH_GGUF_SHOWN_MAX]) {
    size_t room = HTH_GGUF_SHOWN_MAX - 4; /* for "..." and the NUL */
    size_t at = 0, n = 0;
    while (at < s.n) {
        uint32_t cp = 0;
        size_t len = hth_utf8_decode(hth_str_sub(s, at, 4), &cp);
        bool good = len > 0 && !cp_is_control(cp);
        size_t wide = good ? len : 1;
        if (n + wide > room) {
            memcpy(out + n, "...", 3);
            n += 3;
            break;
        }
        if (good)
            memcpy(out + n, s.p + at, len);
        else
            out[n] = '?';
        n += wide;
        at += len > 0 ? len : 1;
    }
    out[n] = '\0';
}

void hth_gguf_shown_file(const char *path, char out[HTH_GGUF_SHOWN_MAX]) {
    hth_gguf_shown(hth_str(hth_path_name(path)), out);
}

HthStatus hth_gguf_bad_at(const HthGgufReader *r, HthStatus status, const char *file, int line,
                          const char *fmt, ...) {
    char shown[HTH_GGUF_SHOWN_MAX], name[HTH_GGUF_SHOWN_MAX];
    char where[HTH_GGUF_SHOWN_MAX + 80], text[200];
    hth_gguf_shown_file(r->file, shown);
    hth_gguf_shown(r->name, name);
    if (r->count == 0)
        snprintf(where, sizeof where, "%s", r->what);
    else if (r->name.n == 0)
        snprintf(where, sizeof where, "%s %llu of %llu", r->what, (unsigned long long)r->index + 1,
                 (unsigned long long)r->count);
    else
        snprintf(where, sizeof where, "%s '%s'", r->what, name);
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return hth_fail_at(r->err, status, file, line, "%s: %s %s", shown, where, text);
}

HthStatus hth_gguf_need(const HthGgufReader *r, uint64_t n) {
    if (n > r->n - r->at)
        return HTH_GGUF_BAD(r, HTH_EFORMAT,
                            "runs past the end of the file, which is cut short or damaged");
    return HTH_OK;
}

HthStatus hth_gguf_read_u32(HthGgufReader *r, uint32_t *out) {
    HTH_TRY(hth_gguf_need(r, 4));
    *out = hth_le32(r->data + r->at);
    r->at += 4;
    return HTH_OK;
}

HthStatus hth_gguf_read_u64(HthGgufReader *r, uint64_t *out) {
    HTH_TRY(hth_gguf_need(r, 8));
    *out = hth_le64(r->data + r->at);
    r->at += 8;
    return HTH_OK;
}

HthStatus hth_gguf_read_str(HthGgufReader *r, size_t max, const char *what, HthStr *out) {
    uint64_t n = 0;
    HTH_TRY(hth_gguf_read_u64(r, &n));
    /* The end of the file first: a wild length is damage, a long string a limit. */
    HTH_TRY(hth_gguf_need(r, n));
    if (n > max)
        return HTH_GGUF_BAD(r, HTH_EFORMAT, "has %s of %llu bytes; at most %zu are allowed", what,
                            (unsigned long long)n, max);
    *out = (HthStr){ (const char *)r->data + r->at, (size_t)n };
    r->at += (size_t)n;
    return HTH_OK;
}

HthStatus hth_gguf_take(HthGgufReader *r, size_t count, size_t size, void *out) {
    void *p = count > 0 ? hth_arena_take(r->arena, count, size) : NULL;
    if (p == NULL && count > 0) {
        size_t bytes = 0;
        bool over = hth_mul_over(count, size, &bytes) ||
                    hth_add_over(bytes, hth_arena_used(r->arena), &bytes) ||
                    bytes > HTH_GGUF_DIR_MAX;
        if (over)
            return HTH_GGUF_BAD(r, HTH_ELIMIT, "would make the directory larger than %d MiB",
                                HTH_GGUF_DIR_MAX >> 20);
        return HTH_GGUF_BAD(r, HTH_ENOMEM, "could not be read: out of memory");
    }
    memcpy(out, &p, sizeof p);
    return HTH_OK;
}

bool hth_gguf_name_ok(HthStr name) {
    if (name.n == 0) return false;
    for (size_t at = 0; at < name.n;) {
        uint32_t cp = 0;
        size_t len = hth_utf8_decode(hth_str_sub(name, at, 4), &cp);
        if (len == 0 || cp_is_control(cp)) return false;
        at += len;
    }
    return true;
}

bool hth_gguf_align_ok(uint64_t align) {
    return align >= HTH_GGUF_ALIGN_MIN && align <= HTH_GGUF_ALIGN_MAX && (align & (align - 1)) == 0;
}
