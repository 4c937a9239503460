/* far_http_lines_test.c - http_lines_test.c with a relay in between: the server in two parts.
 *
 * Thread: as there. */
#define APP_FAR 1
#include "unit/serve/http_lines_test.c"
