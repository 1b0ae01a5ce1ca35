"""An environment of Trainium: an UltraServer and single instances, both tested, and a team that trains on them."""

TRAINIUM = """
account: "111122223333"
region: us-east-2
production: true
notify: [fleet-oncall@example.com]
network:
  cidr: 10.65.0.0/16
  egress: zonal_nat
  subnets:
    - { name: control-a, kind: control_plane, availability_zone: us-east-2a, cidr: 10.65.0.0/26 }
    - { name: control-b, kind: control_plane, availability_zone: us-east-2b, cidr: 10.65.0.64/26 }
    - { name: nat-b, kind: nat, availability_zone: us-east-2b, cidr: 10.65.0.128/28 }
    - { name: system-a, kind: system, availability_zone: us-east-2a, cidr: 10.65.4.0/22 }
    - { name: system-b, kind: system, availability_zone: us-east-2b, cidr: 10.65.8.0/22 }
    - { name: trn2-b, kind: accelerator, availability_zone: us-east-2b, cidr: 10.65.16.0/22 }
capacity_reservations:
  - name: trn2
    instance_type: trn2.48xlarge
    instance_count: 2
    availability_zone: us-east-2b
    placement_group: cluster
pools:
  - name: trn2u
    kind: ultraserver
    workload: training
    ultraserver_type: u-trn2x64
    subnet: trn2-b
    blocks:
      - capacity_reservation_id: cr-0aaaaaaaaaaaaaaa1
        availability_zone: us-east-2b
        start: 2026-12-01T11:30:00Z
        end: 2026-12-15T11:30:00Z
  - name: trn2
    kind: accelerator
    workload: training
    instance_type: trn2.48xlarge
    nodes: 2
    subnet: trn2-b
    capacity_reservation: trn2
kubernetes:
  acceptance:
    images: { trn2u: registry.example/nccom-test:1, trn2: registry.example/nccom-test:1 }
    floors_gbs:
      trn2u: { neuronlink: 60, efa: 20 }
      trn2: { efa: 20 }
teams:
  - name: pretraining
"""
