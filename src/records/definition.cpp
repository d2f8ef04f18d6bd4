#include "records/definition.hpp"
