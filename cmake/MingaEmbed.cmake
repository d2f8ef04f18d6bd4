# minga_embed(TARGET <target> NAME <name> FOLDER <folder> [FILES file...])
#
# Compiles every file below the folder (and FILES, given as path=source) into the target and declares
# `minga::Embedded const& minga::embedded::<name>();` in the generated header "embedded/<name>.hpp".
