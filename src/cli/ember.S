/* ember.S - the embedded model, byte for byte, aligned as GGUF tensors want it. */
    .section .rodata.hth_ember, "a"
    .global hth_ember_begin
    .global hth_ember_end
    .balign 4096
hth_ember_begin:
    .incbin HTH_EMBER_FILE
hth_ember_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
