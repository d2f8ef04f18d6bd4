#include "sql/migrations.hpp"
