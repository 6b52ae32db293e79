/**
 * The form in which an address is kept and compared: NFC, without surrounding space, lower case. Only the domain is
 * case-insensitive by RFC 5321 §2.4, but no provider tells `Ann@` from `ann@`, and two such accounts would be a trap.
 */
export function normaliseEmail(email: string): string {
  return email.normalize('NFC').trim().toLowerCase();
}
