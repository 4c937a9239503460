/* ui.h - the files of the web chat, compressed, inside the program.
 *
 * Made by tools/ui_embed.sh from ui/; an empty table when the program was built without node.
 *
 * Thread: any; constant. */
#ifndef HTH_SERVE_UI_H
#define HTH_SERVE_UI_H

#include <stdbool.h>
#include <stddef.h>

typedef struct HthAsset {
    const char *path; /* "index.html"; NULL ends the table */
    const char *type; /* Content-Type */
    const char *etag; /* with its quotation marks; of the content */
    const unsigned char *gz; /* compressed by gzip */
    size_t gz_n;
    bool hashed; /* the name changes with the content: may be kept for ever */
} HthAsset;
extern const HthAsset hth_ui_assets[];

#endif
