/* name.c - see name.h.
 *
 * Thread: any. */
#include "base/name.h"

bool hth_str_is_name(HthStr s, size_t most) {
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && c != '_' && c != '-' && (c != '.' || !i)) return false;
    }
    return s.n > 0 && s.n <= most;
}

const char *hth_path_name(const char *path) {
    const char *name = path;
    for (const char *p = path; *p; p++)
        if (*p == '/' && p[1] && p[1] != '/') name = p + 1;
    return name;
}
