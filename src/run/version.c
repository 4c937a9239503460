/* version.c - the version of the program and of its numerics.
 *
 * Thread: any. */
#include "hearth/hearth.h"

const char *hth_version(void) {
    return HEARTH_VERSION;
}

/* Raised whenever any logit of any model changes a bit (docs/adr/0002); numerics_test.c watches. */
const char *hth_numerics(void) {
    return "hearth-n1";
}
