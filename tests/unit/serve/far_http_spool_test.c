/* far_http_spool_test.c - http_spool_test.c with a relay in between: the server in two parts.
 *
 * Thread: as there. */
#define APP_FAR 1
#include "unit/serve/http_spool_test.c"
