#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace minga::cluster {

/// A certificate and its private key (ECDSA P-256), both PEM.
struct Certificate {
  std::string certificate;
  std::string key;
};

/// A new authority, valid for 20 years: whatever descends from it belongs to the set.
Certificate make_authority(std::string_view set);

/// A certificate by that authority for one member, as a server and as a client, valid for 10 years.
/// `hosts`: the names and addresses it is reached by. Throws std::runtime_error when the authority
/// cannot be read.
Certificate issue_certificate(Certificate const& authority, std::string_view name,
                              std::vector<std::string> const& hosts);

/// Whether the certificate descends from the authority, is valid now and for 30 days more, and
/// names the host.
bool is_good_certificate(std::string_view certificate, Certificate const& authority,
                         std::string const& host);

}  // namespace minga::cluster
