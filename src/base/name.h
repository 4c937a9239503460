/* name.h - names that may become a file's: letters, digits, '.', '_' and '-', no '.' in front.
 *
 * Thread: any. */
#ifndef HTH_BASE_NAME_H
#define HTH_BASE_NAME_H

#include "base/str.h"

/* 1 to `most` of them. */
bool hth_str_is_name(HthStr s, size_t most);

#endif
