/** A global type of the Fetch standard that the declarations of @connectrpc/connect name and @types/node does not declare. */
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>;
