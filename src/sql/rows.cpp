#include "sql/rows.hpp"
