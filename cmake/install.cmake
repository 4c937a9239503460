# What `make install` puts where. The prefix is chosen at install time; hearth.pc finds itself.
include(GNUInstallDirs)

install(TARGETS hearth ARCHIVE DESTINATION lib)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/hearth DESTINATION include FILES_MATCHING PATTERN *.h)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/hearth)
if(TARGET hearth_bin)
    install(TARGETS hearth_bin RUNTIME DESTINATION bin)
endif()

configure_file(${CMAKE_SOURCE_DIR}/cmake/hearth.pc.in ${CMAKE_BINARY_DIR}/hearth.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/hearth.pc DESTINATION lib/pkgconfig)

# docs/man/hearth.1.scd -> man/hearth.1, through scdoc.
find_program(SCDOC scdoc)
file(GLOB man_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.scd)
set(man_pages)
if(SCDOC)
    foreach(source ${man_sources})
        get_filename_component(page ${source} NAME_WLE) # hearth.1
        string(REGEX REPLACE ".*\\." "" section ${page})
        set(target ${CMAKE_BINARY_DIR}/man/${page})
        file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/man)
        add_custom_command(OUTPUT ${target} COMMAND sh -c "\"${SCDOC}\" <\"${source}\" >\"${target}\""
            DEPENDS ${source} VERBATIM)
        list(APPEND man_pages ${target})
        install(FILES ${target} DESTINATION share/man/man${section})
    endforeach()
elseif(man_sources)
    message(STATUS "scdoc is missing: building without man pages")
endif()
add_custom_target(man ALL DEPENDS ${man_pages})

file(GLOB completions CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/completions/hearth.bash
    ${CMAKE_SOURCE_DIR}/src/cli/completion.bash)
foreach(completion ${completions})
    install(FILES ${completion} DESTINATION share/bash-completion/completions RENAME hearth)
endforeach()

# A service of the system, with its sockets: packaging/*.service, *.socket.
if(HEARTH_SERVER)
    set(BINDIR ${CMAKE_INSTALL_FULL_BINDIR})
    configure_file(${CMAKE_SOURCE_DIR}/packaging/hearth.service ${CMAKE_BINARY_DIR}/hearth.service @ONLY)
    configure_file(${CMAKE_SOURCE_DIR}/packaging/hearth-backup.service
        ${CMAKE_BINARY_DIR}/hearth-backup.service @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/hearth.service ${CMAKE_SOURCE_DIR}/packaging/hearth.socket
        ${CMAKE_BINARY_DIR}/hearth-backup.service ${CMAKE_SOURCE_DIR}/packaging/hearth-backup.timer
        DESTINATION lib/systemd/system)
endif()
