/* name.h - names that may become a file's: letters, digits, '.', '_' and '-', no '.' in front; and
 * the name that a path ends in.
 *
 * Thread: any. */
#ifndef HTH_BASE_NAME_H
#define HTH_BASE_NAME_H

#include "base/str.h"

/* 1 to `most` of them. */
bool hth_str_is_name(HthStr s, size_t most);

/* Where the last name in a path begins, with any '/' behind it (a folder's); a path without a name
 * is its own. Borrowed from it. */
const char *hth_path_name(const char *path);

#endif
