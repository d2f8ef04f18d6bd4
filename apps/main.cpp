#include "apps.hpp"

int main(int argc, char** argv) {
  return minga::run(argc, argv, apps::all());
}
