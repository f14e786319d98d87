import { createRoot } from 'react-dom/client'
import { withTrust } from '#viewer/review/brought-trust.tsx'
import { readTrustOf } from '#viewer/review/read-trust-file.ts'
import { embeddedIn, THIS_PAGE } from './embedded.ts'
import { judgeWhatComes, newJudge } from './judging.ts'
import { VerifierPage } from './verifier-page.tsx'
import './verifier.css'

// The page, or the worker that it makes of this same script.
if ('document' in globalThis) void draw(document.currentScript?.textContent ?? '')
else judgeWhatComes()

async function draw(script: string): Promise<void> {
  const root = document.getElementById('root')
  if (root === null) throw new Error('verifier.html has no #root')
  const { envelope, trust, attached, unread } = embeddedIn(document)
  const at = (file: File) => ({ path: file.name, file, page: { name: THIS_PAGE, number: 0 } })
  const given = {
    envelopes: envelope ? [at(envelope)] : [],
    brought: withTrust(
      [],
      trust ? [{ path: `${THIS_PAGE}/${trust.name}`, read: await readTrustOf(trust) }] : [],
      false,
    ),
    attached: attached.map(at),
    left: unread,
  }
  createRoot(root).render(<VerifierPage embedded={given} judge={newJudge(script)} />)
}
