#include "live/hub.hpp"
