#!/bin/sh
# Makes what the TLS tests need, in PEM, in the folder that is named: two CAs; certificates of the
# first, good and bad in one way each, with their keys; a revocation list. With "rsa" behind it also
# a chain of RSA keys, which take a second to find.
set -eu
cd "$1"
exec 2>openssl.log

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# issue NAME ISSUER EXTENSIONS [OPTION...]: NAME.pem, signed by ISSUER.
issue() {
    name=$1 issuer=$2 extensions=$3
    shift 3
    key "$name"
    openssl req -new -key "$name.key" -subj "/O=pirn tests/CN=$name" -out "$name.csr"
    printf '%b' "$extensions" >"$name.ext"
    openssl ca -batch -notext -config ca.cnf -cert "$issuer.pem" -keyfile "$issuer.key" \
        -in "$name.csr" -out "$name.pem" -extfile "$name.ext" "$@"
}

root() {
    key "$1"
    openssl req -x509 -new -key "$1.key" -subj "/O=pirn tests/CN=$1" -days 30 -out "$1.pem" \
        -addext keyUsage=critical,keyCertSign,cRLSign
}

cat >ca.cnf <<'END'
[ca]
default_ca = only
[only]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
[any]
organizationName = optional
commonName = supplied
END
: >index
echo 1000 >serial

local_names="subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
root ca
root other-ca
issue localhost ca "$local_names\n"
issue other ca "subjectAltName=DNS:other.test,DNS:*.wild.test\n"
issue wrong-host ca "subjectAltName=DNS:elsewhere.test\n"
issue expired ca "$local_names\n" -startdate 20200101000000Z -enddate 20200201000000Z
issue early ca "$local_names\n" -startdate 20980101000000Z -enddate 20980201000000Z
issue revoked ca "$local_names\n"
issue client ca "extendedKeyUsage=clientAuth\n"
issue foreign-client other-ca "extendedKeyUsage=clientAuth\n"
issue intermediate ca "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n"
issue below intermediate "$local_names\n"
cat below.pem intermediate.pem >chain.pem
cat localhost.pem localhost.key >both.pem
openssl ec -in localhost.key -aes128 -passout pass:secret -out locked.key
key self-signed
openssl req -x509 -new -key self-signed.key -subj /CN=self-signed -days 30 \
    -out self-signed.pem -addext "$local_names"
openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -revoke revoked.pem
openssl ca -config ca.cnf -cert ca.pem -keyfile ca.key -gencrl -out crl.pem
mkdir folder
cp ca.pem folder
openssl rehash folder

if [ "${2-}" = rsa ]; then
    openssl genrsa -out rsa.key 2048
    key() { cp rsa.key "$1.key"; }
    public="subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    public="${public}authorityInfoAccess=caIssuers;URI:http://example.org/ca.der\n"
    public="${public}certificatePolicies=2.23.140.1.2.1\n"
    issue rsa-intermediate ca "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n$public"
    issue rsa-below rsa-intermediate "$local_names\nextendedKeyUsage=serverAuth\n$public"
    cat rsa-below.pem rsa-intermediate.pem >rsa-chain.pem
fi
