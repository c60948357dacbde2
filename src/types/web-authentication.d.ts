/** A type of the DOM lib that age-encryption's declarations name (WebAuthn Level 3, section 10.1.4); nothing here uses it. */
interface AuthenticationExtensionsPRFValues {
  first: ArrayBuffer;
  second?: ArrayBuffer;
}
