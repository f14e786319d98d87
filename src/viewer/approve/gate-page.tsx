import { Page } from '#viewer/parts/page.tsx'
import { Link } from 'wouter'
import { GateAnswer } from './gate-answer.tsx'

export function GatePage({ gate_id }: { gate_id: string }) {
  return (
    <Page
      title="Gate"
      actions={
        <Link href="/gates" className="button" data-look="quiet">
          All gates
        </Link>
      }
    >
      <GateAnswer gate_id={gate_id} />
    </Page>
  )
}
