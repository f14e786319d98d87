/** Where a document that is judged came from. A file of the reader's has no server to ask about it. */
export type Origin = { from: 'server'; evidence_id: string } | { from: 'file'; name: string }
